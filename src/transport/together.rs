//! Which datagrams to the upstream leave by one call: the kernel's way through the network is as long for
//! one as for a run of them (UDP_SEGMENT). It refuses to know what is in them.

use std::cell::Cell;
use std::io::IoSlice;

use nix::errno::Errno;
use smallvec::SmallVec;

use super::line::{Message, TOGETHER};
use super::udp::Datagrams;

/// What the path to the upstream allows.
#[derive(Debug)]
pub(super) struct Together {
    /// No longer datagram leaves with others: the kernel cuts a call into datagrams, but does not cut
    /// those into fragments.
    longest: Cell<usize>,
}

impl Together {
    /// For the socket that is connected to the upstream, if there is one.
    pub(super) fn new(own: Option<&Datagrams>) -> Self {
        Self { longest: Cell::new(own.map_or(0, Datagrams::longest_whole)) }
    }

    /// How many of these leave together: one at least; all as long as the first, but for a shorter last.
    pub(super) fn run(&self, messages: &[Message<'_>]) -> usize {
        /// What the kernel takes by one call.
        const MOST: usize = 32;
        const MOST_BYTES: usize = 65_000;
        let Some((_, first)) = messages.first() else { return 1 };
        let length = first.len();
        if length == 0 || length > self.longest.get() {
            return 1;
        }
        let room = MOST.min(MOST_BYTES / length);
        let same =
            messages.iter().take(room).take_while(|(_, bytes)| bytes.len() == length).count();
        let shorter = messages.get(same).is_some_and(|(_, bytes)| bytes.len() < length);
        (same + usize::from(shorter && same < room)).max(1)
    }

    /// What leaves by the next call, and the rest: a run, or those before the next run.
    pub(super) fn split<'m, 'a>(
        &self,
        messages: &'m [Message<'a>],
    ) -> (&'m [Message<'a>], &'m [Message<'a>]) {
        let run_at = |at: usize| messages.get(at..).map_or(1, |rest| self.run(rest));
        let next = match run_at(0) {
            1 => (1..messages.len()).find(|at| run_at(*at) > 1).unwrap_or(messages.len()),
            run => run,
        };
        messages.split_at(next.min(messages.len()))
    }

    /// Sends a run; where that fails, nothing of it has left. What the path does not allow is not tried
    /// again.
    pub(super) fn send(&self, own: &Datagrams, run: &[Message<'_>]) -> bool {
        let datagrams: SmallVec<[IoSlice<'_>; TOGETHER]> =
            run.iter().map(|(_, bytes)| IoSlice::new(bytes)).collect();
        let Err(error) = own.send_together(&datagrams) else { return true };
        // Others, such as a link that is down, pass.
        let is_lasting = matches!(
            Errno::from_raw(error.raw_os_error().unwrap_or(0)),
            Errno::EMSGSIZE | Errno::EINVAL | Errno::EIO | Errno::EOPNOTSUPP | Errno::ENOPROTOOPT
        );
        if is_lasting {
            // The path has become narrower, or something on it can't do this.
            let length = run.first().map_or(0, |(_, bytes)| bytes.len());
            let now = own.longest_whole();
            self.longest.set(if now < length { now } else { 0 });
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::{Destination, UpstreamTarget};

    fn runs(longest: usize, lengths: &[usize]) -> Vec<usize> {
        let together = Together { longest: Cell::new(longest) };
        let bytes = vec![b'x'; 65_536];
        let to = Destination::Upstream(UpstreamTarget::Udp);
        let messages: Vec<Message<'_>> =
            lengths.iter().map(|length| (&to, &bytes[..*length])).collect();
        let (mut left, mut runs) = (&messages[..], Vec::new());
        while !left.is_empty() {
            let run = together.run(left);
            runs.push(run);
            left = &left[run..];
        }
        runs
    }

    #[test]
    fn a_run_is_of_one_length_and_may_end_with_a_shorter_one() {
        assert_eq!(runs(1472, &[900, 900, 900, 800, 900, 900]), [4, 2]);
        assert_eq!(runs(1472, &[900, 901, 901, 901]), [1, 3]);
        assert_eq!(runs(1472, &[900]), [1]);
    }

    #[test]
    fn what_the_path_would_have_to_fragment_leaves_alone() {
        assert_eq!(runs(1472, &[1473, 1473, 1472, 1472]), [1, 1, 2]);
        assert_eq!(runs(0, &[100, 100]), [1, 1]);
    }

    #[test]
    fn a_run_fits_one_call() {
        assert_eq!(runs(65_507, &[600; 40]), [32, 8]);
        assert_eq!(runs(65_507, &[40_000, 40_000, 30_000, 30_000, 10]), [1, 1, 2, 1]);
    }

    #[test]
    fn those_between_two_runs_leave_by_one_call_too() {
        let together = Together { longest: Cell::new(1472) };
        let to = Destination::Upstream(UpstreamTarget::Udp);
        let bytes = [b'x'; 2000];
        let messages = [1500, 700, 800, 900, 900, 2000].map(|length| (&to, &bytes[..length]));

        let (apart, rest) = together.split(&messages);
        let (run, rest) = together.split(rest);

        assert_eq!((apart.len(), run.len(), rest.len()), (3, 2, 1));
        assert_eq!(together.split(rest).0.len(), 1);
        assert_eq!(together.split(&[]).0.len(), 0);
    }
}
