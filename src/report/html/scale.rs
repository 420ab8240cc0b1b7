//! The axis of a picture. Enters: seconds. Leaves: pixels, and where the marks of the axis stand.

/// Seconds onto pixels, left to right.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    left: f64,
    width: f64,
    longest: f64,
}

impl Scale {
    /// `longest` seconds, at least one, over `width` pixels from `left`.
    pub(super) fn new(left: f64, width: f64, longest: f64) -> Self {
        Self { left, width, longest: longest.max(1.0) }
    }

    /// The pixel of a second; times off the axis are put on its nearest end.
    pub(super) fn x(self, secs: f64) -> f64 {
        self.left + (secs / self.longest).clamp(0.0, 1.0) * self.width
    }

    /// The right end.
    pub(super) fn right(self) -> f64 {
        self.left + self.width
    }

    /// Where marks stand: a step of 1, 2, 5, 10, 15, 30 or 60 s and its multiples, at most 13 marks.
    pub(super) fn marks(self) -> Vec<f64> {
        const STEPS: [f64; 9] = [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0];
        const MOST: f64 = 12.0;
        let step = STEPS.into_iter().find(|s| self.longest / s <= MOST);
        let step = step.unwrap_or_else(|| (self.longest / MOST).ceil());
        let count = (self.longest / step).floor() as u32;
        (0..=count).map(|n| f64::from(n) * step).collect()
    }
}

/// A pixel as SVG writes it.
pub(super) fn px(value: f64) -> String {
    format!("{value:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_of_47_s_is_marked_every_5_s() {
        let marks = Scale::new(0.0, 100.0, 47.0).marks();
        assert_eq!(marks.first(), Some(&0.0));
        assert_eq!(marks.last(), Some(&45.0));
        assert_eq!(marks.len(), 10);
    }

    #[test]
    fn a_time_off_the_axis_is_put_on_its_end() {
        let scale = Scale::new(10.0, 100.0, 20.0);
        assert_eq!(px(scale.x(30.0)), "110.0");
        assert_eq!(px(scale.x(-1.0)), "10.0");
        assert_eq!(px(scale.x(5.0)), "35.0");
    }
}
