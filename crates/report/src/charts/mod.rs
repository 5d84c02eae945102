//! Pictures of a run: their numbers, and how they are drawn as text. The page draws the same numbers itself.

pub(crate) mod data;
pub(crate) mod text;
