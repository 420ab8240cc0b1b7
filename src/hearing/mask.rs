//! Yes or no for every 20 ms frame of a call. Enters and leaves: frames.

/// Closes holes of at most `frames` between frames that are set.
pub(crate) fn close_holes(mask: &mut [bool], frames: usize) {
    let mut last: Option<usize> = None;
    for n in 0..mask.len() {
        if !mask[n] {
            continue;
        }
        if let Some(last) = last.filter(|l| n - l - 1 <= frames) {
            mask[last..n].fill(true);
        }
        last = Some(n);
    }
}

/// Clears runs shorter than `frames`.
pub(crate) fn drop_short(mask: &mut [bool], frames: usize) {
    for (from, to) in runs(mask) {
        if to - from < frames {
            mask[from..to].fill(false);
        }
    }
}

/// Runs of set frames, `[from, to)`.
pub(crate) fn runs(mask: &[bool]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut begun: Option<usize> = None;
    for (n, &set) in mask.iter().chain(std::iter::once(&false)).enumerate() {
        match (begun, set) {
            (None, true) => begun = Some(n),
            (Some(from), false) => {
                found.push((from, n));
                begun = None;
            }
            _ => {}
        }
    }
    found
}

/// How many frames of `[from, to)` are set.
pub(crate) fn count(mask: &[bool], from: usize, to: usize) -> usize {
    let to = to.min(mask.len());
    mask[from.min(to)..to].iter().filter(|set| **set).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_of_2_closes_at_2_and_stays_at_1() {
        let mask = [true, false, false, true, false];
        let mut closed = mask;
        close_holes(&mut closed, 2);
        assert_eq!(closed, [true, true, true, true, false]);
        let mut open = mask;
        close_holes(&mut open, 1);
        assert_eq!(open, mask);
    }

    #[test]
    fn runs_of_a_mask_are_half_open() {
        assert_eq!(runs(&[true, true, false, true]), [(0, 2), (3, 4)]);
        let mut mask = [true, true, false, true];
        drop_short(&mut mask, 2);
        assert_eq!(mask, [true, true, false, false]);
    }
}
