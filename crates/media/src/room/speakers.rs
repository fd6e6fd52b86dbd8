//! Who is speaking, by the levels that clients send with their audio (RFC 6464).

use std::collections::BTreeMap;

use crate::keys::PeerKey;

/// Who is louder starts to speak; -127 dBov is silence, a voice near a microphone about -25.
const STARTS_DBOV: f32 = -50.0;

/// Who is quieter has stopped. The distance keeps the end of a word from being the end of a speech.
const STOPS_DBOV: f32 = -60.0;

/// The weight of what is new against what was: half of a change is seen after two looks.
const SMOOTHING: f32 = 0.35;

/// A speaker passes another in the list only when louder by so much.
const PASSES_BY_DB: f32 = 4.0;

/// The most speakers told.
const SPEAKERS_MAX: usize = 8;

/// The levels of a room's voices.
#[derive(Debug, Default)]
pub(super) struct Speakers {
    voices: BTreeMap<PeerKey, Voice>,
    /// As last told, loudest first.
    told: Vec<PeerKey>,
}

#[derive(Debug)]
struct Voice {
    /// Smoothed.
    dbov: f32,
    /// The loudest since the last look.
    peak_dbov: Option<i8>,
    is_speaking: bool,
}

impl Speakers {
    /// A packet of a voice came with that level.
    pub(super) fn hear(&mut self, peer: PeerKey, dbov: i8) {
        let voice = self.voices.entry(peer).or_insert(Voice {
            dbov: -127.0,
            peak_dbov: None,
            is_speaking: false,
        });
        let dbov = dbov.clamp(-127, 0);
        voice.peak_dbov = Some(voice.peak_dbov.map_or(dbov, |peak| peak.max(dbov)));
    }

    /// Forgets a voice.
    pub(super) fn leave(&mut self, peer: PeerKey) {
        self.voices.remove(&peer);
    }

    /// The list of speakers, if it is another than was told last. To be asked at a steady pace.
    #[expect(clippy::cast_possible_truncation, reason = "levels are between -127 and 0")]
    pub(super) fn look(&mut self) -> Option<Vec<(PeerKey, i8)>> {
        for voice in self.voices.values_mut() {
            // Silent clients may send nothing at all (DTX).
            let heard = f32::from(voice.peak_dbov.take().unwrap_or(-127));
            voice.dbov += (heard - voice.dbov) * SMOOTHING;
            let bound = if voice.is_speaking { STOPS_DBOV } else { STARTS_DBOV };
            voice.is_speaking = voice.dbov > bound;
        }
        let mut now: Vec<(PeerKey, f32)> = self
            .voices
            .iter()
            .filter(|(_, voice)| voice.is_speaking)
            .map(|(peer, voice)| (*peer, self.ranked(*peer, voice.dbov)))
            .collect();
        now.sort_by(|a, b| b.1.total_cmp(&a.1));
        now.truncate(SPEAKERS_MAX);
        let order: Vec<PeerKey> = now.iter().map(|(peer, _)| *peer).collect();
        if order == self.told {
            return None;
        }
        self.told = order;
        let level = |peer: &PeerKey| self.voices.get(peer).map_or(-127, |v| v.dbov.round() as i8);
        Some(self.told.iter().map(|peer| (*peer, level(peer))).collect())
    }

    /// Who was ahead stays so by a head start for each place.
    fn ranked(&self, peer: PeerKey, dbov: f32) -> f32 {
        match self.told.iter().rev().position(|told| *told == peer) {
            #[expect(clippy::cast_precision_loss, reason = "at most eight places")]
            Some(place) => dbov + PASSES_BY_DB * place as f32,
            None => dbov,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: PeerKey = PeerKey(1);
    const BOB: PeerKey = PeerKey(2);

    /// Looks so often, each time after hearing those levels; what was told in the end.
    fn hear(speakers: &mut Speakers, looks: usize, levels: &[(PeerKey, i8)]) -> Vec<PeerKey> {
        for _ in 0..looks {
            for (peer, dbov) in levels {
                speakers.hear(*peer, *dbov);
            }
            speakers.look();
        }
        speakers.told.clone()
    }

    #[test]
    fn the_loudest_come_first_and_do_not_flap() {
        let mut speakers = Speakers::default();
        assert_eq!(hear(&mut speakers, 20, &[(ALICE, -80), (BOB, -70)]), []);
        assert_eq!(hear(&mut speakers, 1, &[(ALICE, -30)]), [], "a click is not speech");
        assert_eq!(hear(&mut speakers, 5, &[(ALICE, -30)]), [ALICE]);
        assert_eq!(hear(&mut speakers, 1, &[(ALICE, -100)]), [ALICE], "a short pause");
        assert_eq!(hear(&mut speakers, 9, &[(ALICE, -30), (BOB, -35)]), [ALICE, BOB]);
        assert_eq!(hear(&mut speakers, 9, &[(ALICE, -30), (BOB, -28)]), [ALICE, BOB]);
        assert_eq!(hear(&mut speakers, 9, &[(ALICE, -30), (BOB, -20)]), [BOB, ALICE]);
        assert_eq!(hear(&mut speakers, 9, &[(BOB, -20)]), [BOB], "nothing comes at all");
        speakers.leave(BOB);
        assert_eq!(speakers.look(), Some(vec![]));
    }

    #[test]
    fn only_changes_are_told() {
        let mut speakers = Speakers::default();
        hear(&mut speakers, 20, &[(ALICE, -30)]);
        speakers.hear(ALICE, -31);
        assert_eq!(speakers.look(), None);
        speakers.leave(ALICE);
        assert_eq!(speakers.look(), Some(vec![]));
        assert_eq!(speakers.look(), None);
    }
}
