# Ce que lit la personne devant l’ordinateur. Les mêmes messages avec les mêmes données que en.ftl.

window-title = Deskside : aide pour cet ordinateur

# Quand aucun service d’aide n’est connu
join-title = Quel est votre service d’aide ?
join-lead = Ce programme ne connaît pas encore votre service d’aide. Votre technicien peut vous envoyer un lien. Copiez ce lien et collez-le ici.
join-field = Lien de votre service d’aide
join-hint = deskside://…
join-go = Continuer
join-bad = Ce n’est pas un lien de service d’aide. Il commence par « deskside:// ». Copiez-le en entier et essayez de nouveau.

# Le code
starting-title = Un instant
starting-lead = Connexion à votre service d’aide.
code-title = Lisez ces chiffres à votre technicien
code-spoken = Les chiffres sont { $digits }
code-time = Valables encore { $time }
code-new = Les chiffres précédents ne sont plus valables. En voici de nouveaux.
code-caution = Ne donnez ces chiffres qu’à un service d’aide que vous avez appelé vous-même. Personne ne voit ni ne fait rien sur cet ordinateur avant votre accord.
code-mistyped = Quelqu’un a essayé de se connecter avec d’autres chiffres. Personne n’est connecté. Voici de nouveaux chiffres.
code-failed = Quelqu’un a essayé de se connecter sans y parvenir. Personne n’est connecté. Voici de nouveaux chiffres.
code-failed-why = Raison : { $why }
next-title = Plusieurs essais ont échoué
next-lead = Quelqu’un a essayé trois fois de se connecter à cet ordinateur, sans y parvenir. Personne n’est connecté. Demandez à votre technicien ce qui s’est passé.
next-go = Afficher de nouveaux chiffres

# La première question
ask-title = Quelqu’un souhaite vous aider sur cet ordinateur
ask-ticket = Dossier
ask-known = Ce service d’aide a déjà aidé sur cet ordinateur.
ask-new = Inconnu de cet ordinateur
ask-name-of-another = Attention ! Ce n’est pas le service d’aide que vous connaissez, mais il utilise le même nom.
ask-wants = Souhaite
ask-recorded = La session est enregistrée. Seuls les auditeurs du service d’aide peuvent ouvrir l’enregistrement.
ask-unrecorded = La session n’est pas enregistrée.
scam-title = Avez-vous appelé ce service d’aide vous-même ?
scam-lead = Si quelqu’un vous a appelé, ou si un message à l’écran vous a demandé d’appeler, c’est probablement une escroquerie. Choisissez alors « Je n’ai rien demandé ». Aucun vrai service d’aide ne demande vos données bancaires.
ask-allow = Autoriser
ask-allow-once = Autoriser une fois
ask-allow-wait = Autoriser (dans { $seconds })
ask-refuse = Refuser
ask-not-asked = Je n’ai rien demandé
ask-not-asked-what = Met fin à tout immédiatement, prévient { $organisation } et bloque { $name } sur cet ordinateur.
ask-time = Sans réponse, ce sera refusé dans { $time }.

# Les questions suivantes
more-title = { $name } souhaite aussi { $wish }
more-always = Autoriser pour toute la session
more-what = Pour quoi
more-lead = N’autorisez que si vous vous y attendez.
files-in-title = { $name } souhaite déposer des fichiers sur cet ordinateur
files-out-title = { $name } souhaite prendre des fichiers sur cet ordinateur
files-in-folder = Ils vont dans { $folder }
files-out-folder = Ils viennent de { $folder }
files-sum = { $count ->
    [one] Un fichier, { $size } en tout
   *[other] { $count } fichiers, { $size } en tout
  }
files-size = { $size } en tout
files-more = { $count ->
    [one] et un autre
   *[other] et { $count } autres
  }
files-lead = N’autorisez que si vous vous y attendez. Rien ne s’ouvre tout seul.
files-always = Autoriser tous les fichiers de cette session

# Ce que signifie une autorisation, après « souhaite »
grant-view = voir votre écran
grant-control = utiliser votre souris et votre clavier
grant-command = exécuter des commandes sur cet ordinateur
grant-shell = ouvrir une fenêtre de commandes sur cet ordinateur
grant-file = envoyer des fichiers à cet ordinateur et en prendre
grant-clipboard = lire et changer ce que vous avez copié
grant-reboot = redémarrer cet ordinateur et revenir

# Le bandeau
banner-title = { $name } vous aide
banner-from = { $organisation }, dossier { $ticket }
banner-recorded = Enregistré
banner-unrecorded = Pas enregistré
banner-waiting = En attente de { $name }
banner-idle = Rien ne se passe en ce moment.
banner-stop = Arrêter
banner-stop-spoken = Arrêter : met fin à la session immédiatement
banner-hotkey = Arrêter à tout moment : { $keys }
banner-less = Afficher moins
banner-more = Afficher plus
banner-permissions = Ce que { $name } peut faire
banner-mask = Ne pas enregistrer un mot de passe saisi
banner-activity = Ce qui s’est passé
banner-chat = Messages
banner-chat-field = Message à { $name }
banner-chat-send = Envoyer
chat-you = Vous
short-view = Voir l’écran
short-control = Souris et clavier
short-command = Exécuter des commandes
short-shell = Fenêtre de commandes
short-file = Envoyer et prendre des fichiers
short-clipboard = Texte copié
short-reboot = Redémarrer l’ordinateur

# Ce qui est en train de se faire
does-view = { $name } regarde : { $what }
does-control = { $name } utilise votre souris et votre clavier
does-command = { $name } exécute : { $what }
does-shell = { $name } ouvre une fenêtre de commandes : { $what }
does-file = { $name } demande un fichier à cet ordinateur : { $what }
does-clipboard = { $name } lit et modifie ce que vous avez copié
does-reboot = { $name } redémarre cet ordinateur : { $what }
done-received = Reçu : { $what } ({ $size })
done-sent = Envoyé : { $what } ({ $size })
done-files-received = Reçu : { $count } fichiers ({ $size })
done-files-sent = Envoyé : { $count } fichiers ({ $size })
done-file-failed = Pas transféré : { $what } ({ $why })
note-granted = Vous avez autorisé : { $what }
note-granted-before = Autorisé à l’avance : { $what }
note-refused = Vous n’avez pas autorisé : { $what }
note-narrowed = Les règles de votre service d’aide n’autorisent plus : { $what }
note-revoked = N’est plus autorisé : { $what }
note-unrecorded = À partir de maintenant, la session n’est pas enregistrée : le serveur du service d’aide ne peut plus l’écrire.
note-masked-by = { $name } saisit un mot de passe : la saisie n’est pas enregistrée.
note-masked = La saisie n’est pas enregistrée, pendant deux minutes au plus. L’écran l’est.
note-unmasked = La saisie est de nouveau enregistrée.
note-resumed = La session continue.
note-back = La connexion est rétablie.

# Une connexion interrompue
gap-relay = La connexion au service d’aide est interrompue. Elle revient toute seule.
gap-technician = { $name } n’est pas connecté en ce moment.
gap-time = Sinon, la session se termine dans { $time }.

# La fin
over-title = La session est terminée
over-nobody = Plus personne n’est connecté à cet ordinateur.
over-unspecified = Elle est terminée.
over-technician-ended = Votre technicien y a mis fin.
over-user-ended = Vous y avez mis fin.
over-user-refused = Vous n’avez laissé entrer personne.
over-technician-lost = Votre technicien n’était plus joignable.
over-agent-lost = Cet ordinateur n’était plus joignable.
over-relay-stopped = Le serveur du service d’aide n’était plus joignable.
over-recording-failed = Elle ne pouvait pas être enregistrée, et votre service d’aide l’exige.
over-not-sealed = L’enregistrement ne pouvait pas être protégé, et votre service d’aide l’exige.
over-disputed = Les deux programmes ne s’accordent pas sur ce qui a été échangé ; la session a donc été arrêtée. Prévenez votre service d’aide.
over-recording-full = L’enregistrement a atteint la longueur que permet votre service d’aide.
over-technician-revoked = Votre service d’aide ne permet plus à cette personne d’aider.
over-technician-expired = Le temps pendant lequel cette personne peut aider est écoulé.
over-again-hint = Si vous avez encore besoin d’aide, appelez votre service d’aide et affichez de nouveaux chiffres.
scam-over-title = Bien joué. C’est terminé.
scam-over-told = { $organisation } sait maintenant que vous n’avez rien demandé.
scam-over-blocked = { $name } est bloqué sur cet ordinateur.
scam-over-advice = Si vous avez donné à quelqu’un un mot de passe ou vos données bancaires, changez le mot de passe et appelez votre banque maintenant.
blocked-title = Un technicien bloqué a été refusé
blocked-lead = { $name } est bloqué sur cet ordinateur, parce que vous n’aviez pas demandé la session d’alors. Rien n’a été montré ni fait.
failed-title = Cela n’a pas marché
failed-lead = Cet ordinateur n’a pas pu recevoir d’aide pour le moment. Personne n’est connecté.
failed-why = Raison : { $why }
over-again = Afficher de nouveaux chiffres
failed-again = Essayer de nouveau
over-close = Fermer

# Dans le terminal
terminal-who = Qui
terminal-from = De
terminal-into = Dans
terminal-out-of = Depuis
terminal-files = Fichiers
terminal-choices = y = Autoriser     n = Refuser     x = Je n’ai rien demandé
terminal-choices-once = y = Autoriser une fois     a = Toujours autoriser dans cette session     n = Refuser     x = Je n’ai rien demandé
terminal-type = Tapez y, n ou x, puis appuyez sur Entrée :
terminal-type-once = Tapez y, a, n ou x, puis appuyez sur Entrée :
terminal-scam = Si quelqu’un vous a appelé, ou si un message à l’écran vous a demandé d’appeler, c’est probablement une escroquerie : tapez x.
terminal-allowed = Autorisé.
terminal-allowed-always = Autorisé pour cette session.
terminal-refused = Refusé.
terminal-not-asked = Refusé. Bien joué.
terminal-late = Pas de réponse pendant une minute : refusé.
terminal-withdrawn = Cette question a été retirée.
