//! How the windows look: two palettes, one typeface in two weights, sizes. Each pair of colours that
//! is used for text has a contrast of at least 4.5 to 1 (WCAG 2, AA), which is tested.

use std::sync::Arc;

use egui::style::{ScrollStyle, TextCursorStyle};
use egui::{
    Color32, Context, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Margin, Stroke,
    Style, TextStyle, Theme, Visuals, vec2,
};

/// Text that is read at leisure.
pub const BODY: f32 = 16.0;
/// What stands beside something.
pub const SMALL: f32 = 14.0;
/// What a button does.
pub const BUTTON: f32 = 17.0;
/// A name.
pub const NAME: f32 = 19.0;
/// The one sentence of a page.
pub const TITLE: f32 = 25.0;
/// The digits that are read aloud, where there is room for them.
pub const DIGITS: f32 = 50.0;
/// The narrowest and the widest column of text, in points: 60 letters of [`BODY`] at most.
pub const COLUMN: f32 = 460.0;
/// Height of whatever is pressed: a finger is 44 points wide (WCAG 2.5.5).
pub const PRESS: f32 = 46.0;

const REGULAR: &[u8] = include_bytes!("../fonts/Inter-Regular.otf");
const STRONG: &[u8] = include_bytes!("../fonts/Inter-SemiBold.otf");

/// Colours by what they are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Palette {
    /// Behind everything.
    pub ground: Color32,
    /// A card, a field, a plain button.
    pub surface: Color32,
    /// Around a card.
    pub edge: Color32,
    /// Around what can be pressed.
    pub outline: Color32,
    /// Text.
    pub ink: Color32,
    /// Text that matters less.
    pub soft: Color32,
    /// What goes on, is allowed, is safe.
    pub accent: Color32,
    /// Text on it.
    pub on_accent: Color32,
    /// What ends things.
    pub danger: Color32,
    /// Text on it.
    pub on_danger: Color32,
    /// Behind a warning.
    pub caution: Color32,
    /// Around it.
    pub caution_edge: Color32,
    /// Text of it.
    pub on_caution: Color32,
    /// Around what the keyboard is on.
    pub focus: Color32,
}

/// By daylight.
pub const LIGHT: Palette = Palette {
    ground: Color32::from_rgb(0xf3, 0xf5, 0xf8),
    surface: Color32::from_rgb(0xff, 0xff, 0xff),
    edge: Color32::from_rgb(0xd9, 0xdf, 0xe6),
    outline: Color32::from_rgb(0x76, 0x82, 0x92),
    ink: Color32::from_rgb(0x16, 0x1f, 0x2b),
    soft: Color32::from_rgb(0x4a, 0x56, 0x66),
    accent: Color32::from_rgb(0x0a, 0x6a, 0x5b),
    on_accent: Color32::from_rgb(0xff, 0xff, 0xff),
    danger: Color32::from_rgb(0xb3, 0x26, 0x1e),
    on_danger: Color32::from_rgb(0xff, 0xff, 0xff),
    caution: Color32::from_rgb(0xff, 0xf2, 0xd3),
    caution_edge: Color32::from_rgb(0xe5, 0xb8, 0x55),
    on_caution: Color32::from_rgb(0x59, 0x39, 0x00),
    focus: Color32::from_rgb(0x1a, 0x5f, 0xd0),
};

/// By night.
pub const DARK: Palette = Palette {
    ground: Color32::from_rgb(0x12, 0x16, 0x1c),
    surface: Color32::from_rgb(0x1c, 0x22, 0x2b),
    edge: Color32::from_rgb(0x33, 0x3d, 0x4a),
    outline: Color32::from_rgb(0x7d, 0x8a, 0x9a),
    ink: Color32::from_rgb(0xee, 0xf2, 0xf6),
    soft: Color32::from_rgb(0xb4, 0xbf, 0xcc),
    accent: Color32::from_rgb(0x4f, 0xc4, 0xae),
    on_accent: Color32::from_rgb(0x05, 0x24, 0x1e),
    danger: Color32::from_rgb(0xff, 0x8f, 0x86),
    on_danger: Color32::from_rgb(0x3a, 0x06, 0x02),
    caution: Color32::from_rgb(0x38, 0x2b, 0x0d),
    caution_edge: Color32::from_rgb(0x8f, 0x6d, 0x22),
    on_caution: Color32::from_rgb(0xff, 0xe3, 0xac),
    focus: Color32::from_rgb(0x8a, 0xb4, 0xff),
};

impl Palette {
    /// The palette of a theme.
    #[must_use]
    pub const fn of(theme: Theme) -> &'static Self {
        match theme {
            Theme::Light => &LIGHT,
            Theme::Dark => &DARK,
        }
    }
}

/// The heavier weight.
#[must_use]
pub fn strong(size: f32) -> FontId {
    FontId::new(size, FontFamily::Name("strong".into()))
}

/// The lighter weight.
#[must_use]
pub const fn plain(size: f32) -> FontId {
    FontId::new(size, FontFamily::Proportional)
}

/// Gives a context typeface, sizes and colours. Where the system does not say, it is daylight.
pub fn apply(context: &Context) {
    context.set_fonts(fonts());
    context.options_mut(|options| {
        options.fallback_theme = Theme::Light;
        options.zoom_with_keyboard = true;
        // No texture is scaled here.
        options.tessellation_options.prerasterized_discs = false;
    });
    for theme in [Theme::Light, Theme::Dark] {
        context.set_style_of(theme, style(theme));
    }
}

fn fonts() -> FontDefinitions {
    let mut fonts = FontDefinitions::empty();
    for (name, bytes) in [("regular", REGULAR), ("strong", STRONG)] {
        fonts.font_data.insert(name.to_owned(), Arc::new(FontData::from_static(bytes)));
    }
    let regular = vec!["regular".to_owned()];
    fonts.families.insert(FontFamily::Proportional, regular.clone());
    fonts.families.insert(FontFamily::Monospace, regular);
    fonts.families.insert(FontFamily::Name("strong".into()), vec!["strong".to_owned()]);
    fonts
}

fn style(theme: Theme) -> Style {
    let palette = Palette::of(theme);
    let mut style = Style { visuals: visuals(theme, palette), ..Style::default() };
    style.text_styles = [
        (TextStyle::Small, plain(SMALL)),
        (TextStyle::Body, plain(BODY)),
        (TextStyle::Monospace, plain(BODY)),
        (TextStyle::Button, strong(BUTTON)),
        (TextStyle::Heading, strong(TITLE)),
    ]
    .into();
    style.spacing.item_spacing = vec2(10.0, 8.0);
    style.spacing.window_margin = Margin::same(20);
    style.spacing.scroll = ScrollStyle::solid();
    style.interaction.selectable_labels = false;
    style.animation_time = 0.0;
    style
}

fn visuals(theme: Theme, palette: &Palette) -> Visuals {
    let mut visuals = theme.default_visuals();
    visuals.panel_fill = palette.ground;
    visuals.window_fill = palette.surface;
    visuals.extreme_bg_color = palette.surface;
    visuals.text_edit_bg_color = Some(palette.surface);
    visuals.override_text_color = Some(palette.ink);
    visuals.weak_text_color = Some(palette.soft);
    visuals.selection.bg_fill = palette.focus.gamma_multiply(0.35);
    visuals.selection.stroke = Stroke::new(2.0, palette.focus);
    visuals.text_cursor = TextCursorStyle {
        stroke: Stroke::new(2.0, palette.ink),
        blink: false,
        ..TextCursorStyle::default()
    };
    let widgets = &mut visuals.widgets;
    for widget in [
        &mut widgets.noninteractive,
        &mut widgets.inactive,
        &mut widgets.hovered,
        &mut widgets.active,
        &mut widgets.open,
    ] {
        widget.bg_stroke = Stroke::new(1.0, palette.outline);
        widget.fg_stroke = Stroke::new(1.0, palette.ink);
        widget.corner_radius = CornerRadius::same(10);
        widget.expansion = 0.0;
    }
    visuals
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance of WCAG 2.
    fn luminance(colour: Color32) -> f64 {
        let [r, g, b] = [colour.r(), colour.g(), colour.b()].map(|channel| {
            let channel = f64::from(channel) / 255.0;
            if channel <= 0.040_45 {
                channel / 12.92
            } else {
                ((channel + 0.055) / 1.055).powf(2.4)
            }
        });
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }

    fn contrast(one: Color32, other: Color32) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn text_has_the_contrast_of_aa_in_both_palettes() {
        assert!((contrast(Color32::BLACK, Color32::WHITE) - 21.0).abs() < 0.01);
        for palette in [LIGHT, DARK] {
            let texts = [
                (palette.ink, palette.ground),
                (palette.ink, palette.surface),
                (palette.soft, palette.ground),
                (palette.soft, palette.surface),
                (palette.accent, palette.surface),
                (palette.accent, palette.ground),
                (palette.on_accent, palette.accent),
                (palette.danger, palette.surface),
                (palette.danger, palette.ground),
                (palette.on_danger, palette.danger),
                (palette.on_caution, palette.caution),
            ];
            for (text, behind) in texts {
                let contrast = contrast(text, behind);
                assert!(contrast >= 4.5, "{text:?} on {behind:?}: {contrast:.2}");
            }
            // What can be pressed, and where the keyboard is, is seen: 3 to 1 (WCAG 1.4.11).
            for (shape, behind) in [
                (palette.outline, palette.surface),
                (palette.outline, palette.ground),
                (palette.focus, palette.ground),
                (palette.focus, palette.surface),
            ] {
                let contrast = contrast(shape, behind);
                assert!(contrast >= 3.0, "{shape:?} on {behind:?}: {contrast:.2}");
            }
        }
    }
}
