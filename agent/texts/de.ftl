# Was der Mensch vor dem Rechner liest. Dieselben Nachrichten mit denselben Angaben wie en.ftl.

window-title = Deskside: Hilfe für diesen Computer

# Wo kein Helpdesk bekannt ist
join-title = Welcher ist Ihr Helpdesk?
join-lead = Dieses Programm kennt Ihren Helpdesk noch nicht. Ihr Techniker kann Ihnen einen Link schicken. Kopieren Sie den Link und fügen Sie ihn hier ein.
join-field = Link Ihres Helpdesks
join-hint = deskside://…
join-go = Weiter
join-bad = Das ist kein Link eines Helpdesks. Er beginnt mit „deskside://“. Bitte kopieren Sie ihn vollständig und versuchen Sie es noch einmal.

# Der Code
starting-title = Einen Moment
starting-lead = Die Verbindung zu Ihrem Helpdesk wird aufgebaut.
code-title = Lesen Sie Ihrem Techniker diese Ziffern vor
code-spoken = Die Ziffern lauten { $digits }
code-time = Noch { $time } gültig
code-new = Die Ziffern von vorhin gelten nicht mehr. Hier sind neue.
code-caution = Geben Sie diese Ziffern nur einem Helpdesk, den Sie selbst angerufen haben. Niemand sieht oder tut etwas auf diesem Computer, bevor Sie zustimmen.
code-mistyped = Jemand wollte sich mit anderen Ziffern verbinden. Niemand ist verbunden. Hier sind neue Ziffern.
code-failed = Jemand wollte sich verbinden, und es ist nicht gelungen. Niemand ist verbunden. Hier sind neue Ziffern.
code-failed-why = Grund: { $why }
next-title = Mehrere Versuche sind gescheitert
next-lead = Jemand hat dreimal versucht, sich mit diesem Computer zu verbinden, ohne Erfolg. Niemand ist verbunden. Fragen Sie Ihren Techniker, was geschehen ist.
next-go = Neue Ziffern zeigen

# Die erste Frage
ask-title = Jemand möchte Ihnen an diesem Computer helfen
ask-ticket = Vorgang
ask-known = Dieser Helpdesk hat an diesem Computer schon geholfen.
ask-new = Auf diesem Computer nicht bekannt
ask-name-of-another = Vorsicht! Das ist nicht der Helpdesk, den Sie kennen, aber er benutzt denselben Namen.
ask-wants = Möchte gern
ask-recorded = Die Sitzung wird aufgezeichnet. Nur die Prüfer des Helpdesks können die Aufzeichnung öffnen.
ask-unrecorded = Die Sitzung wird nicht aufgezeichnet.
scam-title = Haben Sie diesen Helpdesk selbst angerufen?
scam-lead = Wenn jemand Sie angerufen hat oder eine Meldung auf dem Bildschirm Sie zum Anrufen aufgefordert hat, ist es wahrscheinlich Betrug. Wählen Sie dann „Das wollte ich nicht“. Kein echter Helpdesk fragt nach Ihren Bankdaten.
ask-allow = Erlauben
ask-allow-once = Einmal erlauben
ask-allow-wait = Erlauben (in { $seconds })
ask-refuse = Ablehnen
ask-not-asked = Das wollte ich nicht
ask-not-asked-what = Beendet sofort alles, meldet es an { $organisation } und sperrt { $name } auf diesem Computer.
ask-time = Ohne Antwort wird in { $time } abgelehnt.

# Spätere Fragen
more-title = { $name } möchte außerdem { $wish }
more-always = Für die ganze Sitzung erlauben
more-what = Wofür
more-lead = Erlauben Sie das nur, wenn Sie es erwarten.
files-in-title = { $name } möchte Dateien auf diesen Computer legen
files-out-title = { $name } möchte Dateien von diesem Computer holen
files-in-folder = Sie kommen nach { $folder }
files-out-folder = Sie kommen aus { $folder }
files-sum = { $count ->
    [one] Eine Datei, zusammen { $size }
   *[other] { $count } Dateien, zusammen { $size }
  }
files-size = zusammen { $size }
files-more = { $count ->
    [one] und eine weitere
   *[other] und { $count } weitere
  }
files-lead = Erlauben Sie das nur, wenn Sie es erwarten. Nichts wird von selbst geöffnet.
files-always = Alle Dateien dieser Sitzung erlauben

# Was eine Erlaubnis bedeutet, hinter „möchte gern“
grant-view = Ihren Bildschirm sehen
grant-control = Ihre Maus und Tastatur benutzen
grant-command = Befehle auf diesem Computer ausführen
grant-shell = ein Befehlsfenster auf diesem Computer öffnen
grant-file = Dateien an diesen Computer senden und von ihm holen
grant-clipboard = lesen und ändern, was Sie kopiert haben
grant-reboot = diesen Computer neu starten und wiederkommen

# Die Leiste
banner-title = { $name } hilft Ihnen
banner-from = { $organisation }, Vorgang { $ticket }
banner-recorded = Wird aufgezeichnet
banner-unrecorded = Keine Aufzeichnung
banner-waiting = Warten auf { $name }
banner-idle = Im Moment geschieht nichts.
banner-stop = Stopp
banner-stop-spoken = Stopp: beendet die Sitzung sofort
banner-hotkey = Jederzeit stoppen: { $keys }
banner-less = Weniger zeigen
banner-more = Mehr zeigen
banner-permissions = Was { $name } darf
banner-mask = Ein getipptes Passwort nicht aufzeichnen
banner-activity = Was geschehen ist
banner-chat = Nachrichten
banner-chat-field = Nachricht an { $name }
banner-chat-send = Senden
chat-you = Sie
short-view = Bildschirm sehen
short-control = Maus und Tastatur
short-command = Befehle ausführen
short-shell = Befehlsfenster
short-file = Dateien senden und holen
short-clipboard = Kopierter Text
short-reboot = Computer neu starten

# Was gerade geschieht
does-view = { $name } sieht sich an: { $what }
does-control = { $name } benutzt Ihre Maus und Tastatur
does-command = { $name } führt aus: { $what }
does-shell = { $name } öffnet ein Befehlsfenster: { $what }
does-file = { $name } bittet diesen Computer um eine Datei: { $what }
does-clipboard = { $name } liest und ändert, was Sie kopiert haben
does-reboot = { $name } startet diesen Computer neu: { $what }
done-received = Empfangen: { $what } ({ $size })
done-sent = Gesendet: { $what } ({ $size })
done-files-received = Empfangen: { $count } Dateien ({ $size })
done-files-sent = Gesendet: { $count } Dateien ({ $size })
done-file-failed = Nicht übertragen: { $what } ({ $why })
note-granted = Sie haben erlaubt: { $what }
note-granted-before = Vorab erlaubt: { $what }
note-refused = Sie haben nicht erlaubt: { $what }
note-narrowed = Die Regeln Ihres Helpdesks erlauben nicht mehr: { $what }
note-revoked = Nicht mehr erlaubt: { $what }
note-unrecorded = Ab jetzt wird die Sitzung nicht aufgezeichnet: Der Server des Helpdesks kann nichts mehr aufschreiben.
note-masked-by = { $name } tippt ein Passwort: Was getippt wird, ist nicht in der Aufzeichnung.
note-masked = Was getippt wird, ist nicht in der Aufzeichnung, höchstens zwei Minuten lang. Der Bildschirm ist es.
note-unmasked = Was getippt wird, ist wieder in der Aufzeichnung.
note-resumed = Die Sitzung geht weiter.
note-back = Die Verbindung ist wieder da.

# Eine unterbrochene Verbindung
gap-relay = Die Verbindung zum Helpdesk ist unterbrochen. Sie kommt von selbst wieder.
gap-technician = { $name } ist im Moment nicht verbunden.
gap-time = Sonst endet die Sitzung in { $time }.

# Das Ende
over-title = Die Sitzung ist beendet
over-nobody = Niemand ist mehr mit diesem Computer verbunden.
over-unspecified = Sie ist zu Ende.
over-technician-ended = Ihr Techniker hat sie beendet.
over-user-ended = Sie haben sie beendet.
over-user-refused = Sie haben niemanden hereingelassen.
over-technician-lost = Ihr Techniker war nicht mehr zu erreichen.
over-agent-lost = Dieser Computer war nicht mehr zu erreichen.
over-relay-stopped = Der Server des Helpdesks war nicht mehr zu erreichen.
over-recording-failed = Sie konnte nicht aufgezeichnet werden, und Ihr Helpdesk verlangt das.
over-not-sealed = Die Aufzeichnung konnte nicht geschützt werden, und Ihr Helpdesk verlangt das.
over-disputed = Was die beiden Programme über die Sitzung sagen, stimmt nicht überein; sie wurde daher beendet. Sagen Sie es Ihrem Helpdesk.
over-recording-full = Die Aufzeichnung ist so lang, wie Ihr Helpdesk sie werden lässt.
over-technician-revoked = Ihr Helpdesk lässt diese Person nicht mehr helfen.
over-technician-expired = Die Zeit, in der diese Person helfen darf, ist abgelaufen.
over-again-hint = Wenn Sie noch Hilfe brauchen, rufen Sie Ihren Helpdesk an und zeigen Sie neue Ziffern.
scam-over-title = Gut gemacht. Es ist vorbei.
scam-over-told = { $organisation } weiß jetzt, dass Sie das nicht wollten.
scam-over-blocked = { $name } ist auf diesem Computer gesperrt.
scam-over-advice = Wenn Sie jemandem ein Passwort oder Ihre Bankdaten gegeben haben, ändern Sie das Passwort und rufen Sie jetzt Ihre Bank an.
blocked-title = Ein gesperrter Techniker wurde abgewiesen
blocked-lead = { $name } ist auf diesem Computer gesperrt, weil Sie die Sitzung damals nicht wollten. Es wurde nichts gezeigt und nichts getan.
failed-title = Das hat nicht geklappt
failed-lead = Dieser Computer konnte gerade keine Hilfe bekommen. Niemand ist verbunden.
failed-why = Grund: { $why }
over-again = Neue Ziffern zeigen
failed-again = Noch einmal versuchen
over-close = Schließen

# Im Terminal
terminal-who = Wer
terminal-from = Von
terminal-into = Nach
terminal-out-of = Aus
terminal-files = Dateien
terminal-choices = y = Erlauben     n = Ablehnen     x = Das wollte ich nicht
terminal-choices-once = y = Einmal erlauben     a = In dieser Sitzung immer erlauben     n = Ablehnen     x = Das wollte ich nicht
terminal-type = Tippen Sie y, n oder x und drücken Sie die Eingabetaste:
terminal-type-once = Tippen Sie y, a, n oder x und drücken Sie die Eingabetaste:
terminal-scam = Wenn jemand Sie angerufen hat oder eine Meldung auf dem Bildschirm Sie zum Anrufen aufgefordert hat, ist es wahrscheinlich Betrug: Tippen Sie x.
terminal-allowed = Erlaubt.
terminal-allowed-always = Für diese Sitzung erlaubt.
terminal-refused = Abgelehnt.
terminal-not-asked = Abgelehnt. Gut gemacht.
terminal-late = Eine Minute lang keine Antwort: abgelehnt.
terminal-withdrawn = Diese Frage wurde zurückgezogen.
