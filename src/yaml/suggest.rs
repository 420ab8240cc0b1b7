//! "Did you mean": the nearest allowed word to a misspelt one.

/// Number of single-character insertions, deletions, replacements and swaps of neighbours between two words.
/// Source: optimal string alignment distance (Damerau 1964).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let replaced = above[j] + usize::from(x != y);
            let mut best = replaced.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

/// The allowed word that is nearest to `word`, if it is near: at most a third of its characters away.
pub(super) fn nearest<'a>(word: &str, allowed: &[&'a str]) -> Option<&'a str> {
    let lower = word.to_lowercase().replace('_', "-");
    allowed
        .iter()
        .map(|candidate| {
            (distance(&lower, &candidate.to_lowercase().replace('_', "-")), *candidate)
        })
        .filter(|(far, candidate)| *far <= (candidate.chars().count() / 3).max(1))
        .min_by_key(|(far, _)| *far)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swap_of_neighbours_is_one_step() {
        assert_eq!(distance("limit", "limti"), 1);
        assert_eq!(distance("limit", ""), 5);
        assert_eq!(distance("맞이", "맞이인사"), 2);
    }

    #[test]
    fn a_word_that_is_near_none_gets_no_suggestion() {
        assert_eq!(nearest("lmit", &["limit", "margin"]), Some("limit"));
        assert_eq!(nearest("ring_limit", &["ring-limit"]), Some("ring-limit"));
        assert_eq!(nearest("colour", &["limit", "margin"]), None);
    }
}
