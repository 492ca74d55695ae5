//! Turns names with other letters than ASCII into what DNS carries (RFC 3492).

const BASE: u32 = 36;
const T_MIN: u32 = 1;
const T_MAX: u32 = 26;
const SKEW: u32 = 38;
const DAMP: u32 = 700;
const INITIAL_BIAS: u32 = 72;
const INITIAL_CODE_POINT: u32 = 0x80;

/// The name with each label that needs it encoded; `None` when it is too long or broken.
///
/// Letters are lowered as Unicode says; the other mappings of IDNA are not made.
pub(crate) fn to_ascii(name: &str) -> Option<String> {
    let labels: Option<Vec<String>> = name.split('.').map(label_to_ascii).collect();
    labels.map(|labels| labels.join("."))
}

fn label_to_ascii(label: &str) -> Option<String> {
    // An encoded label of 63 octets stands for fewer characters than that.
    if label.chars().count() > 63 {
        return None;
    }
    let label = label.to_lowercase();
    if label.is_ascii() { Some(label) } else { encode(&label).map(|code| format!("xn--{code}")) }
}

/// The encoder of RFC 3492 §6.3.
fn encode(label: &str) -> Option<String> {
    let mut output: String = label.chars().filter(char::is_ascii).collect();
    let mut n_handled = u32::try_from(output.len()).ok()?;
    let n_basic = n_handled;
    if n_basic > 0 {
        output.push('-');
    }
    let (mut code_point, mut delta, mut bias) = (INITIAL_CODE_POINT, 0_u32, INITIAL_BIAS);
    let n_characters = u32::try_from(label.chars().count()).ok()?;
    while n_handled < n_characters {
        let next = label.chars().map(u32::from).filter(|point| *point >= code_point).min()?;
        delta = delta.checked_add((next - code_point).checked_mul(n_handled + 1)?)?;
        code_point = next;
        for point in label.chars().map(u32::from) {
            if point < code_point {
                delta = delta.checked_add(1)?;
            }
            if point == code_point {
                write_integer(&mut output, delta, bias);
                bias = adapt(delta, n_handled + 1, n_handled == n_basic);
                delta = 0;
                n_handled += 1;
            }
        }
        delta = delta.checked_add(1)?;
        code_point += 1;
    }
    Some(output)
}

/// Writes a variable-length integer (RFC 3492 §3.3).
fn write_integer(output: &mut String, value: u32, bias: u32) {
    let mut rest = value;
    let mut k = BASE;
    loop {
        let threshold = k.saturating_sub(bias).clamp(T_MIN, T_MAX);
        if rest < threshold {
            break output.push(digit(rest));
        }
        output.push(digit(threshold + (rest - threshold) % (BASE - threshold)));
        rest = (rest - threshold) / (BASE - threshold);
        k += BASE;
    }
}

/// The bias for the next integer (RFC 3492 §6.1).
fn adapt(delta: u32, n_points: u32, is_first: bool) -> u32 {
    let mut delta = if is_first { delta / DAMP } else { delta / 2 };
    delta += delta / n_points;
    let mut k = 0;
    while delta > (BASE - T_MIN) * T_MAX / 2 {
        delta /= BASE - T_MIN;
        k += BASE;
    }
    k + (BASE - T_MIN + 1) * delta / (delta + SKEW)
}

fn digit(value: u32) -> char {
    let value = u8::try_from(value % BASE).unwrap_or_default();
    char::from(if value < 26 { b'a' + value } else { b'0' + value - 26 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn to_ascii_cases() {
        let cases = [
            ("münchen.example", Some("xn--mnchen-3ya.example")),
            ("bücher.example", Some("xn--bcher-kva.example")),
            ("BÜCHER.example", Some("xn--bcher-kva.example")),
            ("президент.example", Some("xn--d1abbgf6aiiy.example")),
            ("例え.example", Some("xn--r8jz45g.example")),
            ("plain.example", Some("plain.example")),
            ("", Some("")),
        ];
        for (name, expected) in cases {
            assert_eq!(to_ascii(name).as_deref(), expected, "case: {name}");
        }
        assert_eq!(to_ascii(&"ü".repeat(64)), None);
    }
}
