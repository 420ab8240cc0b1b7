//! Exit codes: part of the interface, for scripts.

use std::process::ExitCode;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done.
    Done,
    /// 1: our infrastructure failed: host, trunk, store, models.
    Infrastructure,
    /// 2: the command line or a file given is not right.
    Usage,
    /// 3: a center was judged below `--fail-below`.
    Below,
    /// 4: too little could be observed (`--min-coverage`).
    Coverage,
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Infrastructure => 1,
            Self::Usage => 2,
            Self::Below => 3,
            Self::Coverage => 4,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_0_to_4() {
        let all = [Exit::Done, Exit::Infrastructure, Exit::Usage, Exit::Below, Exit::Coverage];
        assert_eq!(all.map(Exit::code), [0, 1, 2, 3, 4]);
    }
}
