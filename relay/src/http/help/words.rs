//! What the page says, in four languages. `{org}` is the organisation's name, `{os}` a system's.

/// One language.
#[derive(Debug)]
pub(super) struct Words {
    /// Its tag (RFC 5646).
    pub(super) language: &'static str,
    /// What its speakers call it.
    pub(super) own_name: &'static str,
    pub(super) title: &'static str,
    pub(super) lead: &'static str,
    pub(super) warning_title: &'static str,
    pub(super) warning: [&'static str; 3],
    pub(super) get_title: &'static str,
    pub(super) download: &'static str,
    pub(super) phone: &'static str,
    pub(super) none: &'static str,
    pub(super) other_mac: &'static str,
    pub(super) open_title: &'static str,
    pub(super) open_windows: &'static str,
    pub(super) open_archive: &'static str,
    pub(super) read_title: &'static str,
    pub(super) read: &'static str,
    pub(super) decide_title: &'static str,
    pub(super) decide: &'static str,
    pub(super) happens_title: &'static str,
    pub(super) happens: [&'static str; 4],
    pub(super) recorded: &'static str,
    pub(super) unrecorded: &'static str,
    pub(super) all_title: &'static str,
    pub(super) column_system: &'static str,
    pub(super) column_size: &'static str,
    pub(super) column_sum: &'static str,
    pub(super) link_title: &'static str,
    pub(super) link: &'static str,
}

/// All of them; the first is for whoever prefers none.
pub(super) const ALL: [Words; 4] = [
    Words {
        language: "en",
        own_name: "English",
        title: "Help with your computer",
        lead: "You are on the phone with {org}. With this small program, the person who helps you can see what you see, once you allow it.",
        warning_title: "Did you call them yourself?",
        warning: [
            "Go on only if you asked {org} for help, by a number that you know.",
            "If somebody called you, or a message on the screen told you to call: hang up and close this page. It is a common fraud.",
            "No help desk asks for your passwords, your bank, gift cards or money. Never show your bank account during help.",
        ],
        get_title: "Get the program",
        download: "Download for {os}",
        phone: "Open this page on the computer that needs help: the program does not run on phones and tablets.",
        none: "There is no program for {os} here. Tell the person on the phone, or look under “All systems” below.",
        other_mac: "Older Mac with an Intel processor? Take this one",
        open_title: "Open it",
        open_windows: "Open the file “deskside-agent…” in your Downloads. Windows may ask whether you are sure: the name of the file says whom it connects to.",
        open_archive: "Open the downloaded archive by a double click, then the folder “deskside” in it, and start “deskside-agent” there.",
        read_title: "Read twelve digits aloud",
        read: "The program shows twelve digits. Read them to the person on the phone. They are good for one connection and for ten minutes.",
        decide_title: "You decide",
        decide: "You see who asks, from which organisation, and for what. Choose Allow only if that is the person you are speaking with; Refuse is always right if you are not sure.",
        happens_title: "What will happen",
        happens: [
            "Nobody sees or does anything before you allow it.",
            "While you are being helped, you see who is connected and what is being done.",
            "You can stop at any time; that ends it at once.",
            "Nothing is installed. When help is over you can delete the file.",
        ],
        recorded: "{org} records the session. Only its auditors can open the recording.",
        unrecorded: "The session is not recorded.",
        all_title: "All systems, sizes and checksums",
        column_system: "System",
        column_size: "Size",
        column_sum: "SHA-256 of the program",
        link_title: "The program is here already, and asks for a link",
        link: "Copy this line into it:",
    },
    Words {
        language: "de",
        own_name: "Deutsch",
        title: "Hilfe mit Ihrem Computer",
        lead: "Sie telefonieren mit {org}. Mit diesem kleinen Programm kann die Person, die Ihnen hilft, sehen, was Sie sehen – sobald Sie es erlauben.",
        warning_title: "Haben Sie selbst angerufen?",
        warning: [
            "Machen Sie nur weiter, wenn Sie {org} selbst um Hilfe gebeten haben, unter einer Nummer, die Sie kennen.",
            "Wurden Sie angerufen, oder stand auf dem Bildschirm, Sie sollten anrufen? Legen Sie auf und schließen Sie diese Seite. Das ist ein häufiger Betrug.",
            "Niemand, der wirklich hilft, fragt nach Passwörtern, Ihrer Bank, Gutscheinkarten oder Geld. Öffnen Sie währenddessen nie Ihr Bankkonto.",
        ],
        get_title: "Programm holen",
        download: "Für {os} herunterladen",
        phone: "Öffnen Sie diese Seite an dem Computer, der Hilfe braucht: Auf Telefonen und Tablets läuft das Programm nicht.",
        none: "Für {os} gibt es hier kein Programm. Sagen Sie das am Telefon, oder sehen Sie unten unter „Alle Systeme“ nach.",
        other_mac: "Älterer Mac mit Intel-Prozessor? Nehmen Sie dieses",
        open_title: "Öffnen",
        open_windows: "Öffnen Sie die Datei „deskside-agent…“ in Ihren Downloads. Windows fragt vielleicht, ob Sie sicher sind: Der Name der Datei sagt, mit wem sie verbindet.",
        open_archive: "Öffnen Sie das heruntergeladene Archiv mit einem Doppelklick, darin den Ordner „deskside“, und starten Sie dort „deskside-agent“.",
        read_title: "Zwölf Ziffern vorlesen",
        read: "Das Programm zeigt zwölf Ziffern. Lesen Sie sie am Telefon vor. Sie gelten für eine Verbindung und zehn Minuten.",
        decide_title: "Sie entscheiden",
        decide: "Sie sehen, wer fragt, von welcher Organisation und wofür. Erlauben Sie es nur, wenn das die Person am Telefon ist. Wenn Sie unsicher sind, ist Ablehnen immer richtig.",
        happens_title: "Was geschieht",
        happens: [
            "Niemand sieht oder tut etwas, bevor Sie es erlauben.",
            "Während Ihnen geholfen wird, sehen Sie, wer verbunden ist und was getan wird.",
            "Sie können jederzeit beenden; dann ist sofort Schluss.",
            "Nichts wird installiert. Danach können Sie die Datei löschen.",
        ],
        recorded: "{org} zeichnet die Sitzung auf. Nur die Prüfer dort können die Aufzeichnung öffnen.",
        unrecorded: "Die Sitzung wird nicht aufgezeichnet.",
        all_title: "Alle Systeme, Größen und Prüfsummen",
        column_system: "System",
        column_size: "Größe",
        column_sum: "SHA-256 des Programms",
        link_title: "Das Programm ist schon da und fragt nach einem Link",
        link: "Kopieren Sie diese Zeile hinein:",
    },
    Words {
        language: "es",
        own_name: "Español",
        title: "Ayuda con su ordenador",
        lead: "Está hablando por teléfono con {org}. Con este pequeño programa, la persona que le ayuda puede ver lo que usted ve, en cuanto usted lo permita.",
        warning_title: "¿Ha llamado usted?",
        warning: [
            "Continúe solo si ha pedido ayuda a {org}, a un número que usted conoce.",
            "Si le han llamado, o un mensaje en la pantalla le pedía que llamara: cuelgue y cierre esta página. Es un fraude frecuente.",
            "Nadie que ayude de verdad pide contraseñas, datos del banco, tarjetas regalo ni dinero. No abra nunca su cuenta bancaria durante la ayuda.",
        ],
        get_title: "Obtenga el programa",
        download: "Descargar para {os}",
        phone: "Abra esta página en el ordenador que necesita ayuda: el programa no funciona en teléfonos ni tabletas.",
        none: "Aquí no hay programa para {os}. Dígaselo a la persona al teléfono, o mire abajo en «Todos los sistemas».",
        other_mac: "¿Un Mac más antiguo con procesador Intel? Use este",
        open_title: "Ábralo",
        open_windows: "Abra el archivo «deskside-agent…» en sus Descargas. Puede que Windows le pregunte si está seguro: el nombre del archivo dice con quién conecta.",
        open_archive: "Abra el archivo descargado con un doble clic, después la carpeta «deskside», e inicie allí «deskside-agent».",
        read_title: "Lea doce cifras en voz alta",
        read: "El programa muestra doce cifras. Léalas a la persona al teléfono. Valen para una conexión y durante diez minutos.",
        decide_title: "Usted decide",
        decide: "Verá quién lo pide, de qué organización y para qué. Permítalo solo si es la persona con la que habla; si no está seguro, rechazar siempre es correcto.",
        happens_title: "Qué va a pasar",
        happens: [
            "Nadie ve ni hace nada antes de que usted lo permita.",
            "Mientras le ayudan, usted ve quién está conectado y qué se está haciendo.",
            "Puede detenerlo en cualquier momento; termina al instante.",
            "No se instala nada. Al terminar puede borrar el archivo.",
        ],
        recorded: "{org} graba la sesión. Solo sus auditores pueden abrir la grabación.",
        unrecorded: "La sesión no se graba.",
        all_title: "Todos los sistemas, tamaños y sumas de comprobación",
        column_system: "Sistema",
        column_size: "Tamaño",
        column_sum: "SHA-256 del programa",
        link_title: "El programa ya está aquí y pide un enlace",
        link: "Copie esta línea en él:",
    },
    Words {
        language: "fr",
        own_name: "Français",
        title: "De l’aide pour votre ordinateur",
        lead: "Vous êtes au téléphone avec {org}. Avec ce petit programme, la personne qui vous aide peut voir ce que vous voyez, dès que vous l’autorisez.",
        warning_title: "Avez-vous appelé vous-même ?",
        warning: [
            "Ne continuez que si vous avez demandé de l’aide à {org}, à un numéro que vous connaissez.",
            "Si quelqu’un vous a appelé, ou si un message à l’écran vous disait d’appeler : raccrochez et fermez cette page. C’est une escroquerie fréquente.",
            "Personne qui aide vraiment ne demande vos mots de passe, votre banque, des cartes cadeaux ou de l’argent. N’ouvrez jamais votre compte bancaire pendant l’aide.",
        ],
        get_title: "Obtenir le programme",
        download: "Télécharger pour {os}",
        phone: "Ouvrez cette page sur l’ordinateur qui a besoin d’aide : le programme ne fonctionne pas sur les téléphones et tablettes.",
        none: "Il n’y a pas de programme pour {os} ici. Dites-le à la personne au téléphone, ou regardez plus bas sous « Tous les systèmes ».",
        other_mac: "Un Mac plus ancien avec un processeur Intel ? Prenez celui-ci",
        open_title: "L’ouvrir",
        open_windows: "Ouvrez le fichier « deskside-agent… » dans vos Téléchargements. Windows demandera peut-être si vous êtes sûr : le nom du fichier dit avec qui il se connecte.",
        open_archive: "Ouvrez l’archive téléchargée par un double clic, puis le dossier « deskside », et lancez-y « deskside-agent ».",
        read_title: "Lire douze chiffres à voix haute",
        read: "Le programme affiche douze chiffres. Lisez-les à la personne au téléphone. Ils valent pour une connexion et dix minutes.",
        decide_title: "Vous décidez",
        decide: "Vous voyez qui demande, de quelle organisation et pour quoi. N’autorisez que si c’est la personne avec qui vous parlez ; en cas de doute, refuser est toujours juste.",
        happens_title: "Ce qui va se passer",
        happens: [
            "Personne ne voit ni ne fait rien avant que vous l’autorisiez.",
            "Pendant qu’on vous aide, vous voyez qui est connecté et ce qui se fait.",
            "Vous pouvez arrêter à tout moment ; tout cesse aussitôt.",
            "Rien n’est installé. Ensuite vous pouvez supprimer le fichier.",
        ],
        recorded: "{org} enregistre la session. Seuls ses auditeurs peuvent ouvrir l’enregistrement.",
        unrecorded: "La session n’est pas enregistrée.",
        all_title: "Tous les systèmes, tailles et sommes de contrôle",
        column_system: "Système",
        column_size: "Taille",
        column_sum: "SHA-256 du programme",
        link_title: "Le programme est déjà là et demande un lien",
        link: "Copiez-y cette ligne :",
    },
];

/// Preferences of one header that are looked at.
const MAX_PREFERENCES: usize = 32;

/// The language of this tag.
pub(super) fn of(tag: &str) -> Option<&'static Words> {
    ALL.iter().find(|words| words.language == tag)
}

/// The language that an `Accept-Language` header likes best (RFC 9110 section 12.5.4); English where
/// it names none of ours.
pub(super) fn preferred(accepted: &str) -> &'static Words {
    let mut best: Option<(f32, &Words)> = None;
    for preference in accepted.split(',').take(MAX_PREFERENCES) {
        let mut parts = preference.trim().split(';');
        let tag = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
        let quality = parts.find_map(|part| part.trim().strip_prefix("q="));
        let quality: f32 = quality.map_or(1.0, |quality| quality.trim().parse().unwrap_or(0.0));
        let primary = tag.split('-').next().unwrap_or_default();
        if let Some(words) = of(primary)
            && quality > 0.0
            && best.is_none_or(|(most, _)| quality > most)
        {
            best = Some((quality, words));
        }
    }
    let [english, ..] = &ALL;
    best.map_or(english, |(_, words)| words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_that_is_liked_best_wins() {
        for (accepted, language) in [
            ("", "en"),
            ("de", "de"),
            ("de-AT,de;q=0.9,en;q=0.8", "de"),
            ("ja,fr;q=0.5,es;q=0.7", "es"),
            ("en;q=0.1, FR-ca", "fr"),
            ("es;q=0", "en"),
            ("de;q=nonsense,fr;q=0.2", "fr"),
            ("*;q=0.5", "en"),
            (";;;,,,q=", "en"),
        ] {
            assert_eq!(preferred(accepted).language, language, "{accepted}");
        }
    }

    #[test]
    fn every_language_says_everything() {
        for words in &ALL {
            let all = [words.lead, words.warning[0], words.recorded];
            assert!(all.iter().all(|text| text.contains("{org}")), "{}", words.language);
            assert!(words.download.contains("{os}") && words.none.contains("{os}"));
            assert!(words.happens.iter().chain(&words.warning).all(|text| text.len() > 20));
        }
    }
}
