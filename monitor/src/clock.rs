//! From the kernel's time since boot to the time of day.

use jiff::{SignedDuration, Timestamp};
use rustix::time::{ClockId, Timespec, clock_gettime};

/// What the time of day was at boot, as the wall clock sees it now.
///
/// The wall clock may be set while denyd runs, so it is compared for each batch of records ([`Clock::follow`]): two
/// reads of the vDSO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    boot: Timestamp,
}

impl Clock {
    /// A clock for a known time of boot.
    #[must_use]
    pub fn booted_at(boot: Timestamp) -> Self {
        Self { boot }
    }

    /// Measures: the best of some tries, since being interrupted within one puts it off.
    #[must_use]
    pub fn measure() -> Self {
        const TRIES: usize = 8;
        let (best, _) = (1..TRIES)
            .map(|_| Self::measure_within())
            .fold(Self::measure_within(), |best, other| if other.1 < best.1 { other } else { best });
        best
    }

    /// Measures, and says how far the result may be off: that much time passed in between.
    fn measure_within() -> (Self, SignedDuration) {
        // Between two reads of the one clock, so that being interrupted shows.
        let before = duration(clock_gettime(ClockId::Boottime));
        let now = duration(clock_gettime(ClockId::Realtime));
        let passed = duration(clock_gettime(ClockId::Boottime)) - before;
        let since_boot = before + passed / 2;
        let boot = Timestamp::UNIX_EPOCH.saturating_add(now).and_then(|now| now.saturating_sub(since_boot));
        (Self { boot: boot.unwrap_or(Timestamp::UNIX_EPOCH) }, passed)
    }

    /// Follows the wall clock, to which this is added, if it was set or has drifted. Otherwise nothing changes, so that one
    /// process has one start time in all its events.
    pub fn follow(&mut self, step: SignedDuration) {
        let (now, uncertainty) = Self::measure_within();
        let boot = now.boot.saturating_add(step).unwrap_or(Timestamp::UNIX_EPOCH);
        self.follow_to(Self { boot }, uncertainty);
    }

    fn follow_to(&mut self, now: Self, uncertainty: SignedDuration) {
        if self.boot.duration_since(now.boot).abs() >= Self::TOLERANCE + uncertainty {
            *self = now;
        }
    }

    /// How far the wall clock may be from what was measured.
    const TOLERANCE: SignedDuration = SignedDuration::from_millis(1);

    /// The time of day, by the clock that times events.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.boot.saturating_add(duration(clock_gettime(ClockId::Boottime))).unwrap_or(Timestamp::MAX)
    }

    /// Nanoseconds since boot (`CLOCK_BOOTTIME`).
    #[must_use]
    pub fn since_boot() -> u64 {
        u64::try_from(duration(clock_gettime(ClockId::Boottime)).as_nanos()).unwrap_or(0)
    }

    /// The time of day of a time since boot (`CLOCK_BOOTTIME`) in nanoseconds.
    #[must_use]
    pub fn time_of_day(&self, since_boot: u64) -> Timestamp {
        let since_boot = SignedDuration::from_nanos(i64::try_from(since_boot).unwrap_or(i64::MAX));
        self.boot.saturating_add(since_boot).unwrap_or(Timestamp::MAX)
    }
}

fn duration(time: Timespec) -> SignedDuration {
    SignedDuration::new(time.tv_sec, i32::try_from(time.tv_nsec).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_since_boot_is_counted_from_boot() {
        let clock = Clock::booted_at("2026-01-02T03:04:05Z".parse().unwrap());
        assert_eq!(clock.time_of_day(1_500_000_001).to_string(), "2026-01-02T03:04:06.500000001Z");
    }

    #[test]
    fn a_clock_that_is_right_stays_and_one_that_is_not_follows() {
        let boot: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let mut clock = Clock::booted_at(boot);
        clock.follow_to(Clock::booted_at(boot + SignedDuration::from_micros(-999)), SignedDuration::ZERO);
        assert_eq!(clock, Clock::booted_at(boot));
        let set = Clock::booted_at(boot + SignedDuration::from_millis(1));
        clock.follow_to(set, SignedDuration::from_micros(1));
        assert_eq!(clock, Clock::booted_at(boot));
        clock.follow_to(set, SignedDuration::ZERO);
        assert_eq!(clock, set);
    }

    #[test]
    fn a_time_that_no_kernel_gives_is_clamped() {
        let clock = Clock::booted_at(Timestamp::MAX);
        assert_eq!(clock.time_of_day(u64::MAX), Timestamp::MAX);
    }

    #[test]
    fn now_is_now() {
        let since_boot = clock_gettime(ClockId::Boottime);
        let since_boot =
            since_boot.tv_sec.cast_unsigned() * 1_000_000_000 + since_boot.tv_nsec.cast_unsigned();
        let now = Clock::measure().time_of_day(since_boot);
        assert!(Timestamp::now().duration_since(now).abs() < SignedDuration::from_secs(5));
    }
}
