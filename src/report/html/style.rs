//! How the page looks: one style sheet, light and dark, screen and A4. Enters: nothing. Leaves: CSS.

/// The style sheet. It loads nothing: fonts are those of the reader's system.
pub(super) const STYLE: &str = include_str!("style.css");
