//! The gray of frames, and what it lies in.
//!
//! Of red, green and blue, gray is 0.2989 R + 0.5870 G + 0.1140 B (the luma of ITU-R BT.601 with its factors as
//! MATLAB's `rgb2gray` has them), rounded half up, with weights of 30 bits; of luma and chroma it is the luma, scaled
//! to 0..=255. Frames are looked at in tiles: the least and the greatest gray of a tile tell, before a pixel is
//! painted, which tiles can hold the extremes that the contrast is stretched to.

pub(crate) mod gray;
pub(crate) mod packed;
pub(crate) mod reader;
pub(crate) mod tiles;
