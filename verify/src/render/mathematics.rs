//! LaTeX to MathML, offline. Browsers typeset MathML themselves, so the page needs no script and no web font.
//!
//! Statements may come from a user's file: a formula that cannot be parsed is shown as its escaped source.

use std::convert::Infallible;

use pulldown_latex::config::{DisplayMode, RenderConfig};
use pulldown_latex::event::{Content, Event};
use pulldown_latex::{Parser, Storage, push_mathml};

/// Formulas longer than this are shown as source; typesetting is recursive in their nesting.
const LONGEST_FORMULA: usize = 4000;

/// Deepest nesting of groups that is typeset.
const DEEPEST_NESTING: usize = 60;

/// `\char` slices its argument at a byte that need not begin a character, and macros can expand without bound.
const FORBIDDEN: [&str; 6] = ["\\char", "\\def", "\\let", "\\newcommand", "\\renewcommand", "\\providecommand"];

/// A formula on a line of its own.
pub(super) fn display(latex: &str) -> String {
    typeset(latex, DisplayMode::Block)
}

/// A formula inside a sentence.
pub(super) fn inline(latex: &str) -> String {
    typeset(latex, DisplayMode::Inline)
}

/// Plain text with formulas between dollar signs, as HTML.
pub(super) fn prose(text: &str) -> String {
    text.split('$')
        .enumerate()
        .map(|(position, part)| if position % 2 == 1 { inline(part) } else { escape(part) })
        .collect()
}

/// Text that is safe inside HTML elements and quoted attributes.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

fn typeset(latex: &str, display_mode: DisplayMode) -> String {
    mathml(latex, display_mode).unwrap_or_else(|| format!("<code class=\"latex\">{}</code>", escape(latex)))
}

/// MathML, or nothing if any part of the formula is in error: half a formula misleads.
fn mathml(latex: &str, display_mode: DisplayMode) -> Option<String> {
    if latex.trim().is_empty() || latex.len() > LONGEST_FORMULA || nesting(latex) > DEEPEST_NESTING {
        return None;
    }
    if FORBIDDEN.iter().any(|command| latex.contains(command)) {
        return None;
    }
    let storage = Storage::new();
    let events: Vec<_> = Parser::new(latex, &storage).collect::<Result<_, _>>().ok()?;
    if !events.iter().all(is_safe) {
        return None;
    }
    let config = RenderConfig { display_mode, ..RenderConfig::default() };
    let mut markup = String::new();
    push_mathml(&mut markup, events.into_iter().map(Ok::<_, Infallible>), config).ok()?;
    Some(tidy(&markup))
}

/// The writer copies the names of operators as they are, so markup in a name would become markup of the page.
fn is_safe(event: &Event<'_>) -> bool {
    match event {
        Event::Content(Content::Function(name)) => !name.contains(['<', '>', '&', '"', '\'']),
        _ => true,
    }
}

/// Relations and delimiters come out unescaped, one character to an element; and one attribute lacks its space.
fn tidy(markup: &str) -> String {
    markup
        .replace("><</", ">&lt;</")
        .replace("><\u{338}", ">&lt;\u{338}")
        .replace(">></", ">&gt;</")
        .replace(">&</", ">&amp;</")
        .replace("\"minsize=", "\" minsize=")
}

/// Depth of the brackets, and all environments and tall delimiters as if each were inside the one before.
fn nesting(latex: &str) -> usize {
    let mut depth = 0_usize;
    let mut deepest = 0;
    for c in latex.chars() {
        match c {
            '{' | '[' => depth += 1,
            '}' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest + latex.matches("\\begin").count() + latex.matches("\\left").count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_become_mathml() {
        let markup = display(r"P_i = \frac{\eta\, s_i^2}{2 h_i (1-\beta)} \cdot \frac{1}{1 - \eta h_i / (2(1+\beta))}");
        assert!(markup.starts_with("<math display=\"block\">"), "{markup}");
        assert!(markup.contains("<mfrac>"));
        for latex in [
            r"\mathbb{E}\|\delta_k\|^2 = \eta^2 \operatorname{tr} V",
            r"A = \begin{bmatrix} 0 & -I \\ \frac{2}{\eta(1+\beta)} H & 0 \end{bmatrix}",
            r"\left\langle \mu_o, \mu_r \right\rangle \lvert x \rvert \sum_{l=1}^{d} \rho_l",
            r"\eta h < 1",
        ] {
            assert!(display(latex).starts_with("<math"), "{latex}: {}", display(latex));
        }
    }

    #[test]
    fn signs_are_escaped() {
        let markup = inline(r"a < b > c \& d \not< e");
        assert!(markup.contains("&lt;</mo>") && markup.contains("&gt;</mo>") && markup.contains("&amp;"), "{markup}");
    }

    #[test]
    fn errors_and_markup_are_shown_as_source() {
        for latex in [
            "",
            "}",
            "\\",
            r"\frac",
            r"\def\a{\a}\a",
            r"\unknown<b>",
            r"\operatorname{<b>}",
            "\\char\u{e9}",
            r"\begin{matrix}",
        ] {
            let text = inline(latex);
            assert!(text.starts_with("<code class=\"latex\">"), "{latex}: {text}");
            assert!(!text.contains("<b>"), "{text}");
        }
        let deep = "{".repeat(100_000);
        assert!(inline(&deep).starts_with("<code"));
    }

    #[test]
    fn deep_nesting_ends() {
        for (open, close) in [
            ("{", "}"),
            ("\\frac{", "}{2}"),
            ("x^{", "}"),
            ("\\sqrt", ""),
            ("\\left(", "\\right)"),
            ("\\sqrt[", "]{x}"),
        ] {
            for depth in [50, 400, 5000] {
                let latex = format!("{}x{}", open.repeat(depth), close.repeat(depth));
                assert!(!inline(&latex).is_empty());
            }
        }
    }

    #[test]
    fn text_in_a_formula_cannot_become_markup() {
        assert!(!inline(r"\text{<script>}").contains("<script"));
        assert!(!prose("a <b> $x$").contains("<b>"));
    }
}
