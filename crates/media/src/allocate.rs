//! Sharing a receiver's bandwidth among what it is shown. Pure.

use crate::webrtc::Layer;

/// A layer is only raised to if it would fit were it so much dearer, in percent. The estimate and
/// the layers' rates both swing by about that much, and a layer that does not fit costs a freeze.
const RISE_MARGIN_PERCENT: u64 = 15;

/// The bandwidth aimed at exceeds what all the best layers take by so much, in percent, since
/// rates swing.
const DESIRED_MARGIN_PERCENT: u64 = 20;

/// A slot's wish to show a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Demand {
    pub(crate) rank: Rank,
    /// What there is to choose from, from small to large, up to the size that is shown. Not empty.
    pub(crate) steps: Vec<Step>,
    /// What is shown now.
    pub(crate) current: Option<Layer>,
    /// Whether it may be raised; not so for a while after it had to be lowered.
    pub(crate) may_rise: bool,
}

/// What is served first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// Text that cannot be read is of no use.
    Screen,
    Camera,
}

/// A layer and what it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) layer: Layer,
    pub(crate) bps: u64,
}

/// Who gets what.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Allocation {
    /// The layer of each demand, in the order of the demands; none where nothing is left.
    pub(crate) layers: Vec<Option<Layer>>,
    /// The rate at which one more layer would fit; 0 where everybody has the best. The bandwidth
    /// up to here is worth filling with padding, to see whether it is there.
    pub(crate) next_bps: u64,
    /// The rate at which everybody has the best.
    pub(crate) desired_bps: u64,
}

/// Shares `budget_bps` (audio already taken off; `None` where the bandwidth is not known, as for a
/// receiver without transport-wide feedback) among the demands.
///
/// A stream without layers is always sent: there is no less of it. Of those with layers the first
/// is always sent in its smallest one, since a picture that stutters is better than none. Then all
/// get their smallest layer in turn, then all their next.
pub(crate) fn allocate(budget_bps: Option<u64>, demands: &[Demand]) -> Allocation {
    let budget = budget_bps.unwrap_or(u64::MAX);
    let mut order: Vec<usize> = (0..demands.len()).collect();
    order.sort_by_key(|&index| demands[index].rank);

    let mut chosen: Vec<Option<usize>> = vec![None; demands.len()];
    let mut spent = 0u64;
    let mut next = None;
    let mut is_first = true;
    for &index in &order {
        let steps = &demands[index].steps;
        let Some(lowest) = steps.first() else {
            continue;
        };
        let is_sure = steps.len() == 1 || is_first;
        if steps.len() > 1 {
            is_first = false;
        }
        if is_sure || spent.saturating_add(lowest.bps) <= budget {
            spent = spent.saturating_add(lowest.bps);
            chosen[index] = Some(0);
        } else {
            next = Some(next.unwrap_or(u64::MAX).min(lowest.bps));
        }
    }

    // One step each and round, so that nobody has the best while another has the worst.
    let mut is_raised = true;
    while is_raised {
        is_raised = false;
        for &index in &order {
            let demand = &demands[index];
            let Some(at) = chosen[index] else {
                continue;
            };
            let Some(step) = demand.steps.get(at + 1) else {
                continue;
            };
            let more = step.bps.saturating_sub(demand.steps[at].bps);
            if fits(demand, *step, more, spent, budget) {
                spent = spent.saturating_add(more);
                chosen[index] = Some(at + 1);
                is_raised = true;
            }
        }
    }

    for &index in &order {
        let steps = &demands[index].steps;
        if let Some(step) = chosen[index].and_then(|at| steps.get(at + 1)) {
            let more = step.bps.saturating_sub(steps[chosen[index].unwrap_or(0)].bps);
            let with_margin = more + percent(step.bps, RISE_MARGIN_PERCENT);
            next = Some(next.unwrap_or(u64::MAX).min(with_margin));
        }
    }
    let best: u64 =
        demands.iter().filter_map(|demand| demand.steps.last()).map(|step| step.bps).sum();
    Allocation {
        layers: chosen
            .iter()
            .zip(demands)
            .map(|(at, demand)| at.map(|at| demand.steps[at].layer))
            .collect(),
        next_bps: next.map_or(0, |more| spent.saturating_add(more)),
        desired_bps: best + percent(best, DESIRED_MARGIN_PERCENT),
    }
}

fn fits(demand: &Demand, step: Step, more: u64, spent: u64, budget: u64) -> bool {
    let is_rise = demand.current.is_none_or(|current| current < step.layer);
    if !is_rise {
        return spent.saturating_add(more) <= budget;
    }
    let margin = percent(step.bps, RISE_MARGIN_PERCENT);
    demand.may_rise && spent.saturating_add(more).saturating_add(margin) <= budget
}

fn percent(bps: u64, percent: u64) -> u64 {
    bps.saturating_mul(percent) / 100
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use Layer::{Full, Half, Quarter};

    fn camera(current: Option<Layer>) -> Demand {
        let steps = [(Quarter, 150_000), (Half, 500_000), (Full, 1_500_000)];
        Demand {
            rank: Rank::Camera,
            steps: steps.map(|(layer, bps)| Step { layer, bps }).to_vec(),
            current,
            may_rise: true,
        }
    }

    fn screen() -> Demand {
        Demand {
            rank: Rank::Screen,
            steps: vec![Step { layer: Full, bps: 1_000_000 }],
            current: None,
            may_rise: true,
        }
    }

    fn layers(budget: u64, demands: &[Demand]) -> Vec<Option<Layer>> {
        allocate(Some(budget), demands).layers
    }

    #[test]
    fn one_camera_gets_what_fits() {
        let table = [
            (0, Quarter),
            (300_000, Quarter),
            (570_000, Quarter),
            (580_000, Half),
            (1_700_000, Half),
            (1_730_000, Full),
        ];
        for (budget, layer) in table {
            assert_eq!(layers(budget, &[camera(None)]), [Some(layer)], "{budget}");
        }
    }

    #[test]
    fn what_is_shown_is_kept_while_it_fits_without_margin() {
        assert_eq!(layers(1_500_000, &[camera(Some(Full))]), [Some(Full)]);
        assert_eq!(layers(1_499_999, &[camera(Some(Full))]), [Some(Half)]);
        let mut held = camera(Some(Quarter));
        held.may_rise = false;
        assert_eq!(layers(9_000_000, &[held]), [Some(Quarter)]);
    }

    #[test]
    fn screens_come_first_and_cameras_share() {
        let all = [camera(None), screen(), camera(None)];
        assert_eq!(layers(0, &all), [Some(Quarter), Some(Full), None]);
        assert_eq!(layers(1_300_000, &all), [Some(Quarter), Some(Full), Some(Quarter)]);
        assert_eq!(layers(1_800_000, &all), [Some(Half), Some(Full), Some(Quarter)]);
        assert_eq!(layers(2_100_000, &all), [Some(Half), Some(Full), Some(Half)]);
    }

    #[test]
    fn what_more_would_take_is_told() {
        let allocation = allocate(Some(300_000), &[camera(None)]);
        assert_eq!(allocation.next_bps, 500_000 + 75_000);
        assert_eq!(allocation.desired_bps, 1_800_000);
        assert_eq!(allocate(None, &[camera(None)]).next_bps, 0);
        let starved = allocate(Some(200_000), &[camera(None), camera(None)]);
        assert_eq!(starved.layers, [Some(Quarter), None]);
        assert_eq!(starved.next_bps, 300_000);
    }

    proptest! {
        /// The budget holds wherever there is a choice, and more of it never shows less in all.
        #[test]
        fn a_budget_is_kept_and_more_is_never_worse(
            rates in prop::collection::vec((50_000u64..300_000, 1u64..4, 1u64..4), 1..12),
            budget in 300_000u64..20_000_000,
        ) {
            let demands: Vec<_> = rates
                .iter()
                .map(|&(low, half, full)| {
                    let mut demand = camera(None);
                    demand.steps[0].bps = low;
                    demand.steps[1].bps = low * (1 + half);
                    demand.steps[2].bps = low * (1 + half) * (1 + full);
                    demand
                })
                .collect();
            let taken = |budget| -> u64 {
                let allocation = allocate(Some(budget), &demands);
                let chosen = allocation.layers.iter().zip(&demands);
                chosen
                    .filter_map(|(layer, demand)| {
                        let step = demand.steps.iter().find(|step| Some(step.layer) == *layer)?;
                        Some(step.bps)
                    })
                    .sum()
            };
            prop_assert!(taken(budget) <= budget);
            let shown = |budget| allocate(Some(budget), &demands).layers.iter().flatten().count();
            prop_assert!(shown(budget * 2) >= shown(budget));
        }
    }
}
