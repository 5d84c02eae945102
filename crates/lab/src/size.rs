//! Sizes as people write them: `64KiB`, `400KB`, `64B..64MiB*4`.

use std::num::NonZeroUsize;
use std::str::FromStr;

use bytesize::ByteSize;
use shm::ITEM_BYTES;

/// Sizes of lists in bytes: whole items, ascending, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sizes(pub Vec<usize>);

impl FromStr for Sizes {
    type Err = String;

    fn from_str(text: &str) -> Result<Sizes, String> {
        let mut sizes = Vec::new();
        for part in text.split(',') {
            match part.split_once("..") {
                Some((from, rest)) => sizes.extend(ladder(from, rest)?),
                None => sizes.push(size(part)?),
            }
        }
        sizes.sort_unstable();
        sizes.dedup();
        Ok(Sizes(sizes))
    }
}

/// `64B..64MiB*4`: from the first, times the factor, up to the last.
fn ladder(from: &str, rest: &str) -> Result<Vec<usize>, String> {
    let (to, factor) = rest.split_once('*').unwrap_or((rest, "2"));
    let factor: NonZeroUsize = factor
        .trim()
        .parse()
        .ok()
        .filter(|factor: &NonZeroUsize| factor.get() >= 2)
        .ok_or_else(|| format!("`{factor}` is no factor: write for example 64B..64MiB*4"))?;
    let (from, to) = (size(from)?, size(to)?);
    if from > to {
        return Err(format!("{from} is more than {to}: write the smaller size first"));
    }
    let next = |size: &usize| size.checked_mul(factor.get());
    Ok(std::iter::successors(Some(from), next).take_while(|size| *size <= to).collect())
}

/// One size, rounded up to whole items.
pub(crate) fn size(text: &str) -> Result<usize, String> {
    let example = "write for example 64B, 400KB or 16MiB";
    let size: ByteSize =
        text.trim().parse().map_err(|_| format!("`{text}` is no size: {example}"))?;
    let bytes = usize::try_from(size.as_u64()).map_err(|_| format!("`{text}` is too much"))?;
    if bytes == 0 {
        return Err(format!("a list of 0 bytes carries nothing: {example}"));
    }
    bytes.checked_next_multiple_of(ITEM_BYTES).ok_or_else(|| format!("`{text}` is too much"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(text: &str) -> Result<Vec<usize>, String> {
        text.parse::<Sizes>().map(|sizes| sizes.0)
    }

    #[test]
    fn sizes_are_read_as_people_write_them() {
        assert_eq!(sizes("64KiB, 400KB,8"), Ok(vec![8, 65_536, 400_000]));
        assert_eq!(sizes("64B..4KiB*4"), Ok(vec![64, 256, 1024, 4096]));
        assert_eq!(sizes("8..64"), Ok(vec![8, 16, 32, 64]));
        assert_eq!(sizes("9"), Ok(vec![16]));
    }

    #[test]
    fn what_is_no_size_is_refused_with_an_example() {
        for wrong in ["", "0", "0B", "many", "-1", "1..0", "8..64*1", "8..64*x", "99999999999TiB"] {
            let refusal = sizes(wrong).unwrap_err();
            assert!(
                refusal.contains("write") || refusal.contains("too much"),
                "{wrong}: {refusal}"
            );
        }
    }
}
