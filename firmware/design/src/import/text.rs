//! From the bytes of a spreadsheet to text.

use std::borrow::Cow;

use encoding_rs::{DecoderResult, SHIFT_JIS};

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The text, or the offset of the first byte that belongs to none.
///
/// A spreadsheet doesn't say how it is encoded. UTF-8 with a byte order mark is just that; otherwise it is UTF-8 where all
/// bytes are, because text in CP932 (Shift JIS as Windows writes it) practically never is, and CP932 where not.
pub(super) fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, usize> {
    if let Some(rest) = bytes.strip_prefix(BYTE_ORDER_MARK) {
        let text = str::from_utf8(rest);
        return text.map(Cow::from).map_err(|error| BYTE_ORDER_MARK.len() + error.valid_up_to());
    }
    str::from_utf8(bytes).map(Cow::from).or_else(|_| cp932(bytes).map(Cow::from))
}

fn cp932(bytes: &[u8]) -> Result<String, usize> {
    let mut decoder = SHIFT_JIS.new_decoder_without_bom_handling();
    let room = decoder.max_utf8_buffer_length_without_replacement(bytes.len());
    let mut text = String::with_capacity(room.unwrap_or_default());
    let (result, read) = decoder.decode_to_string_without_replacement(bytes, &mut text, true);
    match result {
        DecoderResult::InputEmpty => Ok(text),
        DecoderResult::Malformed(wrong, after) => {
            Err(read.saturating_sub(usize::from(wrong) + usize::from(after)))
        }
        // Not with the room that the decoder asked for.
        DecoderResult::OutputFull => Err(read),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_spreadsheets_write_is_read() {
        let shift_jis = b"\x96\xBC\x91O,\xB1\x81|\xFA\xB1\x87@\r\n";
        assert_eq!(decode(shift_jis).unwrap(), "名前,ｱ－﨑①\r\n");
        assert_eq!(decode("名前\n".as_bytes()).unwrap(), "名前\n");
        assert_eq!(decode("\u{FEFF}名前".as_bytes()).unwrap(), "名前");
        assert_eq!(decode(b"").unwrap(), "");
    }

    #[test]
    fn the_first_byte_that_is_no_text_is_found() {
        assert_eq!(decode(b"ab\xFFc"), Err(2));
        assert_eq!(decode(b"ab\x96"), Err(2));
        assert_eq!(decode(b"ab\x96\n"), Err(2));
        // Excel's "Unicode text".
        assert_eq!(decode(b"\xFF\xFEN\0"), Err(0));
        assert_eq!(decode(b"\xEF\xBB\xBF\x96\xBC"), Err(3));
    }
}
