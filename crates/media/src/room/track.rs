//! A track: what a peer sends of one source, and who gets it.

use std::time::Instant;

use super::PeerId;
use super::keyframes::KeyFrames;
use super::meter::Meter;
use crate::keys::Mid;
use crate::webrtc::{LAYERS, Layer};

/// The size of a camera's picture until it is known: what browsers open without being asked for
/// more.
const ASSUMED_SIZE: (u16, u16) = (1280, 720);

/// A layer suffices for a picture that is shown this much larger, in percent: nobody sees it, and
/// the next layer takes four times as much.
const ENLARGED_MAX_PERCENT: u32 = 125;

#[derive(Debug)]
pub(super) struct Track {
    pub(super) sender: PeerId,
    pub(super) mid: Mid,
    pub(super) is_simulcast: bool,
    /// Whether it may flow.
    pub(super) is_on: bool,
    pub(super) streams: [Stream; LAYERS],
    /// The slots it flows in: the receiver and the place of the slot.
    pub(super) receivers: Vec<(PeerId, usize)>,
    /// Of the whole picture.
    size: Option<(u16, u16)>,
}

/// One layer of a track.
#[derive(Debug, Default)]
pub(super) struct Stream {
    pub(super) meter: Meter,
    pub(super) key_frames: KeyFrames,
}

impl Track {
    pub(super) fn new(sender: PeerId, mid: Mid, is_simulcast: bool, is_on: bool) -> Self {
        Self {
            sender,
            mid,
            is_simulcast,
            is_on,
            streams: Default::default(),
            receivers: Vec::new(),
            size: None,
        }
    }

    pub(super) fn stream_mut(&mut self, layer: Layer) -> &mut Stream {
        &mut self.streams[layer.index()]
    }

    /// Whether anything of it came lately.
    pub(super) fn is_flowing(&self, now: Instant) -> bool {
        self.streams.iter().any(|stream| stream.meter.is_flowing(now))
    }

    /// A key frame of a layer told its size.
    pub(super) fn learn_size(&mut self, layer: Layer, (width, height): (u16, u16)) {
        let times = layer.divisor();
        self.size = Some((width.saturating_mul(times), height.saturating_mul(times)));
    }

    /// The layers there are to choose from, up to the first that fills `shown` (as large as there
    /// is, if `None`), with their rates. A track without layers has one whether it flows or not.
    pub(super) fn choices(
        &self,
        shown: Option<(u16, u16)>,
        now: Instant,
    ) -> impl Iterator<Item = (Layer, u64)> {
        let enough = shown.and_then(|shown| {
            let fills = |layer: &Layer| self.fills(*layer, shown);
            Layer::ALL.into_iter().find(fills)
        });
        Layer::ALL
            .into_iter()
            .filter(move |layer| {
                let stream = &self.streams[layer.index()];
                if self.is_simulcast { stream.meter.is_flowing(now) } else { *layer == Layer::Full }
            })
            .enumerate()
            // The smallest one there is always counts, even if a smaller one would do.
            .filter(move |(place, layer)| {
                *place == 0 || enough.is_none_or(|enough| *layer <= enough)
            })
            .map(|(_, layer)| (layer, self.streams[layer.index()].meter.bps()))
    }

    fn fills(&self, layer: Layer, shown: (u16, u16)) -> bool {
        let (width, height) = self.size.unwrap_or(ASSUMED_SIZE);
        let filled = |whole: u16, shown: u16| {
            u32::from(whole / layer.divisor()) * ENLARGED_MAX_PERCENT >= u32::from(shown) * 100
        };
        // Cropped or with bars, a picture is scaled by one side only.
        filled(width, shown.0) || filled(height, shown.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Layer::{Full, Half, Quarter};

    fn track(is_simulcast: bool) -> Track {
        let sender = PeerId { index: 0, generation: 0 };
        Track::new(sender, "0".parse().unwrap(), is_simulcast, true)
    }

    fn layers(track: &Track, shown: Option<(u16, u16)>, now: Instant) -> Vec<Layer> {
        track.choices(shown, now).map(|(layer, _)| layer).collect()
    }

    #[test]
    fn layers_are_those_that_flow_up_to_the_size_shown() {
        let now = Instant::now();
        let mut track = track(true);
        assert_eq!(layers(&track, None, now), []);
        for layer in Layer::ALL {
            track.stream_mut(layer).meter.count(100, now);
        }
        let table = [
            (None, vec![Quarter, Half, Full]),
            (Some((1920, 1080)), vec![Quarter, Half, Full]),
            (Some((801, 451)), vec![Quarter, Half, Full]),
            (Some((800, 450)), vec![Quarter, Half]),
            (Some((320, 180)), vec![Quarter]),
            (Some((1, 1)), vec![Quarter]),
        ];
        for (shown, expected) in table {
            assert_eq!(layers(&track, shown, now), expected, "{shown:?}");
        }
        track.learn_size(Half, (320, 180));
        assert_eq!(layers(&track, Some((400, 225)), now), [Quarter, Half]);
    }

    #[test]
    fn the_smallest_layer_that_flows_is_always_a_choice() {
        let now = Instant::now();
        let mut large = track(true);
        large.stream_mut(Full).meter.count(100, now);
        assert_eq!(layers(&large, Some((100, 100)), now), [Full]);
        assert_eq!(layers(&track(false), Some((100, 100)), now), [Full]);
    }
}
