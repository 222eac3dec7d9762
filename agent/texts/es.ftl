# Lo que lee la persona delante del ordenador. Los mismos mensajes con los mismos datos que en.ftl.

window-title = Deskside: ayuda con este ordenador

# Donde no se conoce ningún servicio de ayuda
join-title = ¿Cuál es su servicio de ayuda?
join-lead = Este programa todavía no conoce su servicio de ayuda. Su técnico puede enviarle un enlace. Copie el enlace y péguelo aquí.
join-field = Enlace de su servicio de ayuda
join-hint = deskside://…
join-go = Continuar
join-bad = Esto no es un enlace de un servicio de ayuda. Empieza por «deskside://». Cópielo entero e inténtelo de nuevo.

# El código
starting-title = Un momento
starting-lead = Conectando con su servicio de ayuda.
code-title = Lea estas cifras a su técnico
code-spoken = Las cifras son { $digits }
code-time = Válidas durante { $time }
code-new = Las cifras anteriores ya no son válidas. Aquí tiene otras nuevas.
code-caution = Dé estas cifras solo a un servicio de ayuda al que haya llamado usted. Nadie ve ni hace nada en este ordenador antes de que usted lo acepte.
code-mistyped = Alguien ha intentado conectarse con otras cifras. No hay nadie conectado. Aquí tiene cifras nuevas.
code-failed = Alguien ha intentado conectarse y no lo ha conseguido. No hay nadie conectado. Aquí tiene cifras nuevas.
code-failed-why = Motivo: { $why }
next-title = Han fallado varios intentos
next-lead = Alguien ha intentado tres veces conectarse a este ordenador y no lo ha conseguido. No hay nadie conectado. Pregunte a su técnico qué ha pasado.
next-go = Mostrar cifras nuevas

# La primera pregunta
ask-title = Alguien quiere ayudarle con este ordenador
ask-ticket = Caso
ask-known = Este servicio de ayuda ya ha ayudado en este ordenador.
ask-new = Desconocido en este ordenador
ask-name-of-another = ¡Cuidado! No es el servicio de ayuda que usted conoce, pero usa el mismo nombre.
ask-wants = Quiere
ask-recorded = La sesión se graba. Solo los auditores del servicio de ayuda pueden abrir la grabación.
ask-unrecorded = La sesión no se graba.
scam-title = ¿Ha llamado usted a este servicio de ayuda?
scam-lead = Si alguien le ha llamado a usted, o un mensaje en la pantalla le ha pedido que llame, es probable que sea una estafa. Elija entonces «Yo no he pedido esto». Ningún servicio de ayuda de verdad pide sus datos bancarios.
ask-allow = Permitir
ask-allow-once = Permitir una vez
ask-allow-wait = Permitir (en { $seconds })
ask-refuse = Rechazar
ask-not-asked = Yo no he pedido esto
ask-not-asked-what = Lo termina todo enseguida, avisa a { $organisation } y bloquea a { $name } en este ordenador.
ask-time = Sin respuesta se rechaza en { $time }.

# Preguntas posteriores
more-title = { $name } quiere además { $wish }
more-always = Permitir durante toda la sesión
more-what = Para qué
more-lead = Permítalo solo si lo espera.
files-in-title = { $name } quiere poner archivos en este ordenador
files-out-title = { $name } quiere llevarse archivos de este ordenador
files-in-folder = Van a { $folder }
files-out-folder = Vienen de { $folder }
files-sum = { $count ->
    [one] Un archivo, { $size } en total
   *[other] { $count } archivos, { $size } en total
  }
files-size = { $size } en total
files-more = { $count ->
    [one] y uno más
   *[other] y { $count } más
  }
files-lead = Permítalo solo si lo espera. Nada se abre por sí solo.
files-always = Permitir todos los archivos de esta sesión

# Lo que significa un permiso, detrás de «quiere»
grant-view = ver su pantalla
grant-control = usar su ratón y su teclado
grant-command = ejecutar órdenes en este ordenador
grant-shell = abrir una ventana de órdenes en este ordenador
grant-file = enviar archivos a este ordenador y traerlos de él
grant-clipboard = leer y cambiar lo que usted ha copiado
grant-reboot = reiniciar este ordenador y volver

# La barra
banner-title = { $name } le está ayudando
banner-from = { $organisation }, caso { $ticket }
banner-recorded = Se graba
banner-unrecorded = No se graba
banner-waiting = Esperando a { $name }
banner-idle = En este momento no se hace nada.
banner-stop = Parar
banner-stop-spoken = Parar: termina la sesión enseguida
banner-hotkey = Parar en cualquier momento: { $keys }
banner-less = Mostrar menos
banner-more = Mostrar más
banner-permissions = Lo que puede hacer { $name }
banner-mask = No grabar una contraseña que se escribe
banner-activity = Lo que ha pasado
banner-chat = Mensajes
banner-chat-field = Mensaje para { $name }
banner-chat-send = Enviar
chat-you = Usted
short-view = Ver la pantalla
short-control = Ratón y teclado
short-command = Ejecutar órdenes
short-shell = Ventana de órdenes
short-file = Enviar y traer archivos
short-clipboard = Texto copiado
short-reboot = Reiniciar el ordenador

# Lo que se está haciendo
does-view = { $name } mira: { $what }
does-control = { $name } usa su ratón y su teclado
does-command = { $name } ejecuta: { $what }
does-shell = { $name } abre una ventana de órdenes: { $what }
does-file = { $name } pide a este ordenador un archivo: { $what }
does-clipboard = { $name } lee y cambia lo que usted ha copiado
does-reboot = { $name } reinicia este ordenador: { $what }
done-received = Recibido: { $what } ({ $size })
done-sent = Enviado: { $what } ({ $size })
done-files-received = Recibidos: { $count } archivos ({ $size })
done-files-sent = Enviados: { $count } archivos ({ $size })
done-file-failed = No se ha transferido: { $what } ({ $why })
note-granted = Usted ha permitido: { $what }
note-granted-before = Permitido de antemano: { $what }
note-refused = Usted no ha permitido: { $what }
note-narrowed = Las reglas de su servicio de ayuda ya no permiten: { $what }
note-revoked = Ya no está permitido: { $what }
note-unrecorded = A partir de ahora la sesión no se graba: el servidor del servicio de ayuda no puede guardarla.
note-masked-by = { $name } escribe una contraseña: lo que se escribe no está en la grabación.
note-masked = Lo que se escribe no está en la grabación, durante dos minutos como máximo. La pantalla sí.
note-unmasked = Lo que se escribe vuelve a estar en la grabación.
note-resumed = La sesión continúa.
note-back = La conexión ha vuelto.

# Una conexión interrumpida
gap-relay = La conexión con el servicio de ayuda se ha interrumpido. Vuelve por sí sola.
gap-technician = { $name } no está conectado en este momento.
gap-time = Si no, la sesión termina en { $time }.

# El final
over-title = La sesión ha terminado
over-nobody = Ya no hay nadie conectado a este ordenador.
over-unspecified = Ha terminado.
over-technician-ended = La ha terminado su técnico.
over-user-ended = La ha terminado usted.
over-user-refused = Usted no ha dejado entrar a nadie.
over-technician-lost = Ya no se podía contactar con su técnico.
over-agent-lost = Ya no se podía contactar con este ordenador.
over-relay-stopped = Ya no se podía contactar con el servidor del servicio de ayuda.
over-recording-failed = No se podía grabar, y su servicio de ayuda lo exige.
over-not-sealed = No se podía proteger la grabación, y su servicio de ayuda lo exige.
over-disputed = Lo que los dos programas dicen de la sesión no coincide, por eso se ha terminado. Avise a su servicio de ayuda.
over-recording-full = La grabación ha alcanzado la duración que permite su servicio de ayuda.
over-technician-revoked = Su servicio de ayuda ya no permite que esta persona ayude.
over-technician-expired = Ha terminado el tiempo durante el cual esta persona puede ayudar.
over-again-hint = Si todavía necesita ayuda, llame a su servicio de ayuda y muestre cifras nuevas.
scam-over-title = Bien hecho. Se ha terminado.
scam-over-told = { $organisation } ya sabe que usted no ha pedido esto.
scam-over-blocked = { $name } está bloqueado en este ordenador.
scam-over-advice = Si ha dado a alguien una contraseña o sus datos bancarios, cambie la contraseña y llame ahora a su banco.
blocked-title = Se ha rechazado a un técnico bloqueado
blocked-lead = { $name } está bloqueado en este ordenador, porque usted no había pedido la sesión de entonces. No se ha mostrado ni hecho nada.
failed-title = No ha funcionado
failed-lead = Este ordenador no ha podido recibir ayuda ahora. No hay nadie conectado.
failed-why = Motivo: { $why }
over-again = Mostrar cifras nuevas
failed-again = Intentar de nuevo
over-close = Cerrar

# En la terminal
terminal-who = Quién
terminal-from = De
terminal-into = En
terminal-out-of = Desde
terminal-files = Archivos
terminal-choices = y = Permitir     n = Rechazar     x = Yo no he pedido esto
terminal-choices-once = y = Permitir una vez     a = Permitir siempre en esta sesión     n = Rechazar     x = Yo no he pedido esto
terminal-type = Escriba y, n o x y pulse Intro:
terminal-type-once = Escriba y, a, n o x y pulse Intro:
terminal-scam = Si alguien le ha llamado a usted, o un mensaje en la pantalla le ha pedido que llame, es probable que sea una estafa: escriba x.
terminal-allowed = Permitido.
terminal-allowed-always = Permitido en esta sesión.
terminal-refused = Rechazado.
terminal-not-asked = Rechazado. Bien hecho.
terminal-late = Un minuto sin respuesta: rechazado.
terminal-withdrawn = Esa pregunta se ha retirado.
