//! From a key, as GStreamer's video sinks name it, to what it means.

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Key {
    /// Explain the class of this rank, from 0.
    Rank(usize),
    /// Explain the class so many further on in the network's order, or choose the match so many further on.
    Step(isize),
    Method,
    /// Change the threshold by this.
    Threshold(f64),
    Pause,
    Save,
    Help,
    Quit,
    /// Begin a class's name.
    Find,
    /// A character of a class's name, the first one too.
    Character(char),
    Erase,
    Accept,
    Cancel,
}

impl Key {
    /// The meaning of the key with the X11 keysym `name`; while a class's name is `typed`, letters are its own.
    pub fn read(name: &str, typed: bool) -> Option<Self> {
        Some(match name {
            "Left" | "Up" => Self::Step(-1),
            "Right" | "Down" => Self::Step(1),
            "Return" | "KP_Enter" => Self::Accept,
            "Escape" => Self::Cancel,
            "BackSpace" => Self::Erase,
            _ if typed => Self::Character(character(name)?),
            "1" | "KP_1" => Self::Rank(0),
            "2" | "KP_2" => Self::Rank(1),
            "3" | "KP_3" => Self::Rank(2),
            "n" => Self::Step(1),
            "p" => Self::Step(-1),
            "m" => Self::Method,
            // GStreamer names keys as they are without Shift, and + is on that of = on many keyboards.
            "plus" | "equal" | "KP_Add" => Self::Threshold(0.05),
            "minus" | "KP_Subtract" => Self::Threshold(-0.05),
            "space" => Self::Pause,
            "s" => Self::Save,
            "h" => Self::Help,
            "q" => Self::Quit,
            "slash" | "KP_Divide" => Self::Find,
            _ => Self::Character(character(name).filter(|c| c.is_alphabetic())?),
        })
    }
}

fn character(name: &str) -> Option<char> {
    let mut characters = name.chars();
    match (characters.next(), characters.next()) {
        (Some(character), None) => Some(character),
        _ => match name {
            "space" => Some(' '),
            "minus" => Some('-'),
            "apostrophe" => Some('\''),
            "period" => Some('.'),
            "comma" => Some(','),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::Key;

    #[test]
    fn letters_belong_to_a_name_while_one_is_typed() {
        assert_eq!(Key::read("q", false), Some(Key::Quit));
        assert_eq!(Key::read("q", true), Some(Key::Character('q')));
        assert_eq!(Key::read("e", false), Some(Key::Character('e')));
        assert_eq!(Key::read("space", true), Some(Key::Character(' ')));
        assert_eq!(Key::read("Escape", true), Some(Key::Cancel));
        assert_eq!(Key::read("7", false), None);
        assert_eq!(Key::read("Shift_L", false), None);
    }
}
