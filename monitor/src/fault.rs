//! Faults on request: whoever wants to see that losses are counted, and that alerts on them fire, has denyd cause them.

use std::{fmt, io, num::NonZeroU32, str::FromStr};

use jiff::SignedDuration;

/// A fault that denyd is to cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The ring buffer has no room for one in so many records, on average.
    RingFull(NonZeroU32),
    /// The queue of an output has no room for each so many-th of its events.
    QueueFull(NonZeroU32),
    /// Each so many-th time that an output writes to a file or socket, it fails.
    OutputFailed(NonZeroU32),
    /// The wall clock is set forward, or back, by so much, and then right again, and so on.
    ClockStep(SignedDuration),
}

/// It is no fault that denyd can cause.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "use ring-full=N, queue-full=N or output-failed=N, where one in N fails, or clock-step=TIME, such as -1h or 500ms"
)]
pub(crate) struct FaultError;

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let (kind, extent) = text.split_once('=').ok_or(FaultError)?;
        let number = || extent.parse().map_err(|_| FaultError);
        match kind {
            "ring-full" => number().map(Self::RingFull),
            "queue-full" => number().map(Self::QueueFull),
            "output-failed" => number().map(Self::OutputFailed),
            "clock-step" => extent.parse().map(Self::ClockStep).map_err(|_| FaultError),
            _ => Err(FaultError),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RingFull(number) => write!(f, "ring-full={number}"),
            Self::QueueFull(number) => write!(f, "queue-full={number}"),
            Self::OutputFailed(number) => write!(f, "output-failed={number}"),
            Self::ClockStep(step) => write!(f, "clock-step={step:#}"),
        }
    }
}

/// The faults that denyd causes; none, if nobody asked for any. Each part of it that fails has turns of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Faults {
    /// One in how many records finds no room in the ring buffer; 0: none.
    pub(crate) ring_full: u32,
    /// Events for which the queue of an output has no room.
    pub(crate) queue_full: Turns,
    /// Writes of an output that fail.
    pub(crate) output_failed: Turns,
    /// Batches for which the wall clock is wrong.
    pub(crate) clock_step: Steps,
}

impl FromIterator<Fault> for Faults {
    fn from_iter<T: IntoIterator<Item = Fault>>(faults: T) -> Self {
        let mut all = Self::default();
        for fault in faults {
            match fault {
                Fault::RingFull(number) => all.ring_full = number.get(),
                Fault::QueueFull(number) => all.queue_full = Turns::each(number),
                Fault::OutputFailed(number) => all.output_failed = Turns::each(number),
                Fault::ClockStep(step) => all.clock_step = Steps { step, taken: false },
            }
        }
        all
    }
}

/// What fails each so many-th time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Turns {
    /// Never, if there is none.
    each: Option<NonZeroU32>,
    done: u32,
}

impl Turns {
    fn each(number: NonZeroU32) -> Self {
        Self { each: Some(number), done: 0 }
    }

    /// Whether it fails this time.
    pub(crate) fn fails(&mut self) -> bool {
        let Some(each) = self.each else { return false };
        self.done = (self.done + 1) % each;
        self.done == 0
    }

    /// The error, if it fails this time.
    pub(crate) fn check(&mut self) -> io::Result<()> {
        if self.fails() { Err(io::Error::other("denyd was asked to fail (--inject)")) } else { Ok(()) }
    }
}

/// A clock that is set forward and back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Steps {
    step: SignedDuration,
    taken: bool,
}

impl Steps {
    /// How far the clock is wrong this time.
    pub(crate) fn next(&mut self) -> SignedDuration {
        self.taken = !self.taken;
        if self.taken { self.step } else { SignedDuration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_as_they_are_written() {
        for text in ["ring-full=10", "queue-full=1", "output-failed=7", "clock-step=1h 30m"] {
            assert_eq!(text.parse::<Fault>().unwrap().to_string(), text);
        }
        assert_eq!("clock-step=-1h".parse(), Ok(Fault::ClockStep(SignedDuration::from_hours(-1))));
        for wrong in ["ring-full", "ring-full=0", "ring-full=x", "clock-step=1", "moon-full=1", ""] {
            assert_eq!(wrong.parse::<Fault>(), Err(FaultError), "{wrong}");
        }
    }

    #[test]
    fn each_so_many_th_time_it_fails() {
        let faults: Faults =
            ["queue-full=3"].map(|fault| fault.parse::<Fault>().unwrap()).into_iter().collect();
        let mut turns = faults.queue_full;
        assert_eq!([(); 6].map(|()| turns.fails()), [false, false, true, false, false, true]);
        let mut never = faults.output_failed;
        assert_eq!([(); 3].map(|()| never.fails()), [false; 3]);
    }

    #[test]
    fn the_clock_is_set_and_set_right() {
        let faults: Faults = [Fault::ClockStep(SignedDuration::from_secs(-5))].into_iter().collect();
        let mut steps = faults.clock_step;
        assert_eq!([(); 3].map(|()| steps.next().as_secs()), [-5, 0, -5]);
    }
}
