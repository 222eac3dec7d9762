# What the user reads, in the window and in the terminal. Plain words, no jargon; the person is on
# the phone and perhaps worried. Every language has the same messages with the same arguments.

window-title = Deskside: help with this computer

# Where no help desk is known
join-title = Which help desk is yours?
join-lead = This program does not know your help desk yet. Your technician can send you a link to it. Copy the link and paste it here.
join-field = Link of your help desk
join-hint = deskside://…
join-go = Continue
join-bad = This is not a help desk link. It begins with “deskside://”. Please copy all of it and try again.

# The code
starting-title = One moment
starting-lead = Connecting to your help desk.
code-title = Read these digits to your technician
code-spoken = The digits are { $digits }
code-time = Valid for { $time }
code-new = These digits are no longer valid. Here are new ones.
code-caution = Give these digits only to a help desk that you called yourself. Nobody sees or does anything on this computer before you agree.
code-mistyped = Somebody tried to connect with other digits. Nobody is connected. Here are new digits.
code-failed = Somebody tried to connect and failed. Nobody is connected. Here are new digits.
code-failed-why = Reason: { $why }
next-title = Several attempts have failed
next-lead = Somebody tried three times to connect to this computer, and failed. Nobody is connected. Ask your technician what happened.
next-go = Show new digits

# The first question
ask-title = Somebody wants to help you with this computer
ask-ticket = Ticket
ask-known = This help desk has helped on this computer before.
ask-new = Not known to this computer
ask-name-of-another = Caution! This is not the help desk that you know, but it uses the same name.
ask-wants = Would like to
ask-recorded = The session is recorded. Only the help desk’s auditors can open the recording.
ask-unrecorded = The session is not recorded.
scam-title = Did you call this help desk yourself?
scam-lead = If somebody called you, or a message on the screen told you to call, it is probably fraud. Then choose “I did not ask for this”. No real help desk asks for your bank details.
ask-allow = Allow
ask-allow-once = Allow once
ask-allow-wait = Allow (in { $seconds })
ask-refuse = Refuse
ask-not-asked = I did not ask for this
ask-not-asked-what = Ends everything at once, tells { $organisation }, and blocks { $name } on this computer.
ask-time = Without an answer this is refused in { $time }.

# Later questions
more-title = { $name } would also like to { $wish }
more-always = Allow this for the whole session
more-what = What for
more-lead = Only allow this if you expect it.
files-in-title = { $name } would like to put files on this computer
files-out-title = { $name } would like to take files from this computer
files-in-folder = They go to { $folder }
files-out-folder = They come from { $folder }
files-sum = { $count ->
    [one] One file, { $size } in all
   *[other] { $count } files, { $size } in all
  }
files-size = { $size } in all
files-more = { $count ->
    [one] and one more
   *[other] and { $count } more
  }
files-lead = Only allow this if you expect it. Nothing is opened by itself.
files-always = Allow all files in this session

# What a permission means, behind “would like to”
grant-view = see your screen
grant-control = use your mouse and keyboard
grant-command = run commands on this computer
grant-shell = open a command window on this computer
grant-file = send files to this computer and fetch files from it
grant-clipboard = read and change what you copied
grant-reboot = restart this computer and come back

# The banner
banner-title = { $name } is helping you
banner-from = { $organisation }, ticket { $ticket }
banner-recorded = Recorded
banner-unrecorded = Not recorded
banner-waiting = Waiting for { $name }
banner-idle = Nothing is being done at the moment.
banner-stop = Stop
banner-stop-spoken = Stop: ends the session at once
banner-hotkey = Stop at any time: { $keys }
banner-less = Show less
banner-more = Show more
banner-permissions = What { $name } may do
banner-mask = Keep a password that is typed out of the recording
banner-activity = What happened
banner-chat = Messages
banner-chat-field = Message to { $name }
banner-chat-send = Send
chat-you = You
short-view = See the screen
short-control = Mouse and keyboard
short-command = Run commands
short-shell = Command window
short-file = Send and fetch files
short-clipboard = Copied text
short-reboot = Restart the computer

# What is being done
does-view = { $name } looks at { $what }
does-control = { $name } uses your mouse and keyboard
does-command = { $name } runs: { $what }
does-shell = { $name } opens a command window: { $what }
does-file = { $name } asks this computer to { $what }
does-clipboard = { $name } reads and changes what you copied
does-reboot = { $name } restarts this computer: { $what }
done-received = Received: { $what } ({ $size })
done-sent = Sent: { $what } ({ $size })
done-files-received = Received: { $count } files ({ $size })
done-files-sent = Sent: { $count } files ({ $size })
done-file-failed = Did not go over: { $what } ({ $why })
note-granted = You allowed: { $what }
note-granted-before = Allowed beforehand: { $what }
note-refused = You did not allow: { $what }
note-narrowed = The rules of your help desk no longer allow: { $what }
note-revoked = No longer allowed: { $what }
note-unrecorded = From here on the session is not recorded: the help desk’s server cannot write it down.
note-masked-by = { $name } types a password: what is typed is not in the recording.
note-masked = What is typed is not in the recording, for two minutes at most. The screen is.
note-unmasked = What is typed is in the recording again.
note-resumed = The session goes on.
note-back = The connection is back.

# An interrupted connection
gap-relay = The connection to the help desk is interrupted. It comes back by itself.
gap-technician = { $name } is not connected at the moment.
gap-time = Otherwise the session ends in { $time }.

# The end
over-title = The session is over
over-nobody = Nobody is connected to this computer any more.
over-unspecified = It has ended.
over-technician-ended = Your technician ended it.
over-user-ended = You ended it.
over-user-refused = You did not let anybody in.
over-technician-lost = Your technician could not be reached any more.
over-agent-lost = This computer could not be reached any more.
over-relay-stopped = The help desk’s server could not be reached any more.
over-recording-failed = It could not be recorded, and your help desk requires that.
over-not-sealed = The recording could not be protected, and your help desk requires that.
over-disputed = What the two programs say of the session does not agree, so it was ended. Tell your help desk.
over-recording-full = The recording is as long as your help desk lets one become.
over-technician-revoked = Your help desk no longer lets this technician help.
over-technician-expired = The time for which this technician may help has passed.
over-again-hint = If you still need help, call your help desk and show new digits.
scam-over-title = Well done. It is over.
scam-over-told = { $organisation } has been told that you did not ask for this.
scam-over-blocked = { $name } is blocked on this computer.
scam-over-advice = If you gave somebody a password or your bank details, change the password and call your bank now.
blocked-title = A blocked technician was turned away
blocked-lead = { $name } is blocked on this computer, because you did not ask for the session before. Nothing was shown or done.
failed-title = That did not work
failed-lead = This computer could not get help right now. Nobody is connected.
failed-why = Reason: { $why }
over-again = Show new digits
failed-again = Try again
over-close = Close

# In the terminal
terminal-who = Who
terminal-from = From
terminal-into = Into
terminal-out-of = Out of
terminal-files = Files
terminal-choices = y = Allow     n = Refuse     x = I did not ask for this
terminal-choices-once = y = Allow this once     a = Allow always in this session     n = Refuse     x = I did not ask for this
terminal-type = Type y, n or x, then press Enter:
terminal-type-once = Type y, a, n or x, then press Enter:
terminal-scam = If somebody called you, or a message on the screen told you to call, it is probably fraud: type x.
terminal-allowed = Allowed.
terminal-allowed-always = Allowed for this session.
terminal-refused = Refused.
terminal-not-asked = Refused. Well done.
terminal-late = No answer for a minute: refused.
terminal-withdrawn = That question was withdrawn.
