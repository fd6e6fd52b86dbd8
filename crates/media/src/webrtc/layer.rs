//! The layers of simulcast.

/// How many layers there are at most.
pub(crate) const LAYERS: usize = 3;

/// A layer of a simulcast track. A track that is sent as one stream has only [`Layer::Full`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Layer {
    /// `q`: a quarter of the width and height.
    Quarter,
    /// `h`: half.
    Half,
    /// `f`: all of it.
    Full,
}

impl Layer {
    /// From small to large.
    pub(crate) const ALL: [Self; LAYERS] = [Self::Quarter, Self::Half, Self::Full];

    /// The layer of that restriction id (RFC 8851).
    pub(crate) fn of_rid(rid: &str) -> Option<Self> {
        match rid {
            "q" => Some(Self::Quarter),
            "h" => Some(Self::Half),
            "f" => Some(Self::Full),
            _ => None,
        }
    }

    pub(crate) fn rid(self) -> &'static str {
        match self {
            Self::Quarter => "q",
            Self::Half => "h",
            Self::Full => "f",
        }
    }

    pub(crate) fn index(self) -> usize {
        match self {
            Self::Quarter => 0,
            Self::Half => 1,
            Self::Full => 2,
        }
    }

    /// How many times smaller than the whole it is, each way.
    pub(crate) fn divisor(self) -> u16 {
        match self {
            Self::Quarter => 4,
            Self::Half => 2,
            Self::Full => 1,
        }
    }
}
