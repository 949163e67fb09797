//! The header lines of a message: as many as nearly all messages have stand in place.

use super::Name;
use super::head::Line;

/// How many stand in place.
const USUAL: usize = 24;

/// Header lines in order.
#[derive(Clone, Debug)]
pub struct Block {
    usual: [Line; USUAL],
    more: Vec<Line>,
    count: usize,
}

impl Block {
    /// None yet.
    pub fn new() -> Self {
        Self { usual: [Line::NONE; USUAL], more: Vec::new(), count: 0 }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Puts one behind the others.
    #[inline(always)]
    pub fn push(&mut self, line: Line) {
        match self.usual.get_mut(self.count) {
            Some(place) => *place = line,
            None => self.more.push(line),
        }
        self.count += 1;
    }

    /// The line at a place that was given out.
    #[inline(always)]
    pub fn get(&self, at: usize) -> Option<&Line> {
        match self.usual.get(at) {
            None => self.get_more(at),
            found => found,
        }
    }

    #[cold]
    #[inline(never)]
    fn get_more(&self, at: usize) -> Option<&Line> {
        self.more.get(at - USUAL)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Line> {
        (0..self.count).filter_map(|at| self.get(at))
    }

    /// Those of a name from a place on, with their places.
    pub fn named(&self, name: Name, at: usize) -> impl Iterator<Item = (usize, &Line)> {
        let lines = (at..self.count).filter_map(|at| Some((at, self.get(at)?)));
        lines.filter(move |(_, line)| line.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_beyond_the_usual_are_kept_in_order() {
        let mut block = Block::new();
        let names = [Name::Via, Name::Route, Name::Other];
        for at in 0..3 * USUAL {
            let mut line = Line::NONE;
            line.name = names[at % 3];
            block.push(line);
        }

        assert_eq!(block.count(), 3 * USUAL);
        assert!(block.iter().map(|line| line.name).eq((0..3 * USUAL).map(|at| names[at % 3])));
        let routes = block.named(Name::Route, 2).map(|(at, _)| at);
        assert!(routes.eq((4..3 * USUAL).step_by(3)));
    }
}
