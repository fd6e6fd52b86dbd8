//! Making one continuous stream out of several.
//!
//! A receiving slot is one RTP stream to its decoder, whatever is switched into it. What numbers
//! the packets and pictures of a stream is therefore moved by a constant, which changes at each
//! switch so that the numbers go on without a gap.

mod continuity;
mod picture;
mod vp8;
mod vp9;

pub(crate) use continuity::{Continuity, Numbers};
pub(crate) use picture::Picture;
#[cfg(test)]
pub(crate) use picture::PictureId;
pub(crate) use vp8::{key_frame_size, read_vp8};
pub(crate) use vp9::{read_vp9, write_vp9};
