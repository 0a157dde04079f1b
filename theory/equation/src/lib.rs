//! Equations in documentation. A formula is written in LaTeX and becomes MathML when the crate is compiled, so that
//! `cargo doc` shows it as mathematics in any browser, without scripts, fonts or a network. A formula that cannot be
//! typeset does not compile.

use std::convert::Infallible;

use proc_macro::{Literal, TokenStream, TokenTree};
use pulldown_latex::config::{DisplayMode, RenderConfig};
use pulldown_latex::{Parser, Storage, push_mathml};

/// Fonts for mathematics that systems bring along; one that is there is used.
const FONTS: &str = "'Latin Modern Math','STIX Two Math','Cambria Math','DejaVu Math TeX Gyre',math";

/// A formula on a line of its own, for a `doc` attribute between lines of documentation.
///
/// ```
/// use langevin_equation::equation;
///
/// /// Variance of the velocity in one eigendirection,
/// #[doc = equation!(r"V = \frac{s^2}{(1-\beta^2)\left(1 - \frac{\eta h}{2(1+\beta)}\right)}")]
/// /// per step squared.
/// pub fn velocity_variance() {}
/// ```
///
/// ```compile_fail
/// use langevin_equation::equation;
/// #[doc = equation!(r"\frac{1}{")]
/// pub fn unfinished() {}
/// ```
///
/// ```compile_fail
/// use langevin_equation::equation;
/// #[doc = equation!(r"\operatorname*{arg\,min}_p F(p)")]
/// pub fn unknown() {}
/// ```
#[proc_macro]
pub fn equation(input: TokenStream) -> TokenStream {
    match formula(input).and_then(|latex| typeset(&latex)) {
        // a blank line on each side: a block of HTML to the Markdown reader, which then leaves it alone; what is too wide
        // scrolls, but a box a pixel too low for its formula does not
        Ok(markup) => TokenTree::from(Literal::string(&format!(
            "\n<div style=\"padding:0.4em 0;overflow-y:hidden\">{markup}</div>\n\n<!-- -->"
        )))
        .into(),
        Err(message) => refusal(&message),
    }
}

/// The text of the one string literal that is admissible, plain or raw.
fn formula(input: TokenStream) -> Result<String, String> {
    const ADMISSIBLE: &str = "equation! takes one string literal, r\"...\"";
    let mut tokens = input.into_iter();
    let (Some(TokenTree::Literal(literal)), None) = (tokens.next(), tokens.next()) else {
        return Err(ADMISSIBLE.into());
    };
    let text = literal.to_string();
    if let Some(raw) = text.strip_prefix('r') {
        let body = raw.trim_matches('#');
        return body
            .strip_prefix('"')
            .and_then(|body| body.strip_suffix('"'))
            .map(String::from)
            .ok_or(ADMISSIBLE.into());
    }
    match text.strip_prefix('"').and_then(|body| body.strip_suffix('"')) {
        Some(body) if !body.contains('\\') => Ok(body.into()),
        Some(_) => Err("equation! takes a raw string when there is a backslash: r\"...\"".into()),
        None => Err(ADMISSIBLE.into()),
    }
}

/// MathML on one line.
fn typeset(latex: &str) -> Result<String, String> {
    let storage = Storage::new();
    let events: Vec<_> = Parser::new(latex, &storage)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("the equation cannot be typeset: {error}"))?;
    let config = RenderConfig { display_mode: DisplayMode::Block, ..RenderConfig::default() };
    let mut markup = String::new();
    push_mathml(&mut markup, events.into_iter().map(Ok::<_, Infallible>), config)
        .map_err(|error| format!("the equation cannot be typeset: {error}"))?;
    // relations come out unescaped, one character to an element; one attribute lacks its space
    let markup = markup
        .replace("><</", ">&lt;</")
        .replace(">></", ">&gt;</")
        .replace(">&</", ">&amp;</")
        .replace("\"minsize=", "\" minsize=")
        // the sign for a millionth, which has no italic form, where the letter is meant
        .replace('\u{b5}', "\u{3bc}")
        // brackets and sums grow only in a font made for mathematics, which a browser may not look for by itself
        .replacen("<math ", &format!("<math style=\"font-family:{FONTS}\" "), 1);
    // a command that the parser does not know may come out as it went in
    if markup.contains('\\') {
        return Err(format!("the equation cannot be typeset: a command is left over in {markup}"));
    }
    Ok(markup.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn refusal(message: &str) -> TokenStream {
    format!("::core::compile_error!({message:?})").parse().unwrap_or_default()
}
