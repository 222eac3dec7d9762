//! The page as HTML: a document that reads well without its style sheet, too.

use std::fmt::Write as _;

use deskside_protocol::identity::link::JoinLink;

use super::parcel::{self, Form};
use super::programs::{Program, System, Visitor};
use super::words::{ALL, Words};

/// Everything that one visitor sees.
pub(super) struct Page<'a> {
    pub(super) words: &'static Words,
    pub(super) organisation: &'a str,
    pub(super) recorded: bool,
    pub(super) visitor: Visitor,
    pub(super) programs: &'a [Program],
    pub(super) join: &'a JoinLink,
}

impl Page<'_> {
    pub(super) fn to_html(&self) -> String {
        let words = self.words;
        format!(
            "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"robots\" content=\"noindex\">\n\
             <title>{title} – {org}</title>\n\
             <link rel=\"stylesheet\" href=\"/help/style.css\">\n</head>\n<body>\n\
             <header><p class=\"org\">{org}</p>{languages}</header>\n<main>\n\
             <h1>{title}</h1>\n<p class=\"lead\">{lead}</p>\n{warning}{steps}{happens}{all}{link}\
             </main>\n</body>\n</html>\n",
            words.language,
            title = words.title,
            org = escaped(self.organisation),
            languages = self.languages(),
            lead = self.said(words.lead),
            warning = self.warning(),
            steps = self.steps(),
            happens = self.happens(),
            all = self.all(),
            link = self.link(),
        )
    }

    /// A text of ours with the organisation's name in it.
    fn said(&self, text: &str) -> String {
        text.replace("{org}", &escaped(self.organisation))
    }

    fn languages(&self) -> String {
        let mut html = "<nav aria-label=\"Language\">".to_owned();
        for words in &ALL {
            let Words { language, own_name, .. } = words;
            let current =
                if *language == self.words.language { " aria-current=\"page\"" } else { "" };
            add(
                &mut html,
                format_args!(
                    "<a href=\"/help/{language}\" lang=\"{language}\" hreflang=\"{language}\"{current}>{own_name}</a>"
                ),
            );
        }
        html + "</nav>"
    }

    fn warning(&self) -> String {
        let [first, second, third] = self.words.warning.map(|text| self.said(text));
        format!(
            "<section class=\"warning\" aria-labelledby=\"warning\">\n<h2 id=\"warning\">{}</h2>\n\
             <p>{first}</p>\n<p><strong>{second}</strong></p>\n<p>{third}</p>\n</section>\n",
            self.words.warning_title
        )
    }

    fn steps(&self) -> String {
        let words = self.words;
        let step = |title, text: &str| format!("<li>\n<h2>{title}</h2>\n{text}</li>\n");
        let say = |text: &str| format!("<p>{text}</p>\n");
        let mut html = "<ol class=\"steps\">\n".to_owned();
        html += &step(words.get_title, &self.get());
        let open = match self.offered().first().map(|one| parcel::name(one.system, self.join).0) {
            Some(Form::Named) => say(words.open_windows),
            Some(Form::Archive) => say(words.open_archive),
            None => say(words.open_windows) + &say(words.open_archive),
        };
        html += &step(words.open_title, &open);
        html += &step(words.read_title, &say(words.read));
        html += &step(words.decide_title, &say(words.decide));
        html + "</ol>\n"
    }

    /// The programs for this visitor's computer, the likeliest first.
    fn offered(&self) -> Vec<&Program> {
        let Visitor::Computer(systems) = self.visitor else { return Vec::new() };
        let found = |system: &System| self.programs.iter().find(|one| one.system == *system);
        systems.iter().filter_map(found).collect()
    }

    fn get(&self) -> String {
        let words = self.words;
        let systems = match self.visitor {
            Visitor::Phone => return format!("<p>{}</p>\n", words.phone),
            Visitor::Computer(systems) => systems,
        };
        let offered = self.offered();
        let Some((first, others)) = offered.split_first() else {
            let name = systems.first().map_or("", |system| plain(*system));
            return format!("<p>{}</p>\n", words.none.replace("{os}", name));
        };
        let mut html = format!(
            "<p><a class=\"button\" href=\"{}\" download>{}</a> <span class=\"size\">{}</span></p>\n",
            self.address(first.system),
            words.download.replace("{os}", plain(first.system)),
            size(first.bytes, words.language),
        );
        for other in others {
            add(
                &mut html,
                format_args!(
                    "<p class=\"other\">{}: <a href=\"{}\" download>{}</a></p>\n",
                    words.other_mac,
                    self.address(other.system),
                    other.system.name()
                ),
            );
        }
        html
    }

    fn address(&self, system: System) -> String {
        format!("/help/program/{}", escaped(&parcel::name(system, self.join).1))
    }

    fn happens(&self) -> String {
        let words = self.words;
        let mut html = format!("<section>\n<h2>{}</h2>\n<ul>\n", words.happens_title);
        let recorded = if self.recorded { words.recorded } else { words.unrecorded };
        for text in words.happens.iter().chain([&recorded]) {
            add(&mut html, format_args!("<li>{}</li>\n", self.said(text)));
        }
        html + "</ul>\n</section>\n"
    }

    fn all(&self) -> String {
        let words = self.words;
        if self.programs.is_empty() {
            return String::new();
        }
        let mut html = format!(
            "<details>\n<summary>{}</summary>\n<div class=\"wide\"><table>\n<thead><tr>\
             <th scope=\"col\">{}</th><th scope=\"col\">{}</th><th scope=\"col\">{}</th></tr></thead>\n<tbody>\n",
            words.all_title, words.column_system, words.column_size, words.column_sum
        );
        for Program { system, bytes, sha256, .. } in self.programs {
            add(
                &mut html,
                format_args!(
                    "<tr><th scope=\"row\"><a href=\"{}\" download>{}</a></th><td>{}</td><td><code>{sha256}</code></td></tr>\n",
                    self.address(*system),
                    system.name(),
                    size(*bytes, words.language)
                ),
            );
        }
        html + "</tbody>\n</table></div>\n</details>\n"
    }

    fn link(&self) -> String {
        let link = escaped(&self.join.to_string());
        format!(
            "<details>\n<summary>{}</summary>\n<p>{}</p>\n<p><code>{link}</code></p>\n</details>\n",
            self.words.link_title, self.words.link
        )
    }
}

/// As people call their computer: no processor, where the program is theirs anyhow.
const fn plain(system: System) -> &'static str {
    match system {
        System::Windows => "Windows",
        System::MacArm | System::MacIntel => "macOS",
        System::Linux | System::LinuxArm => "Linux",
    }
}

/// Megabytes with one digit behind the comma, which English writes as a point.
fn size(bytes: u64, language: &str) -> String {
    let tenths = bytes.div_ceil(100_000);
    let comma = if language == "en" { '.' } else { ',' };
    let unit = if language == "fr" { "Mo" } else { "MB" };
    format!("{}{comma}{} {unit}", tenths / 10, tenths % 10)
}

/// Text as it may stand between tags and in quotes.
fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
    html
}

/// Writing to a string cannot fail.
fn add(html: &mut String, text: std::fmt::Arguments<'_>) {
    if html.write_fmt(text).is_err() {
        tracing::error!("a string took no text");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_be_markup() {
        assert_eq!(escaped("<b>\"A&B's\""), "&lt;b&gt;&quot;A&amp;B&#39;s&quot;");
    }

    #[test]
    fn sizes_are_as_people_write_them() {
        assert_eq!(size(12_340_000, "en"), "12.4 MB");
        assert_eq!(size(12_340_000, "de"), "12,4 MB");
        assert_eq!(size(1, "fr"), "0,1 Mo");
    }
}
