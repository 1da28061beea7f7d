//! What would happen to a packet now, by what the kernel holds, beside what the design says.

use std::{fmt::Write as _, sync::Arc};

use sekisho_design::{Design, Language};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Question, Step, Trace, TraceError, Tracer, text};
use crate::{Deviation, KernelState, deviations, ruleset::CUT_OFF};

/// A packet by the kernel and by the design. Both have the set [`CUT_OFF`] as the daemon has filled it: what is cut off is
/// no deviation.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Live {
    /// By what the kernel holds.
    pub kernel: Held,
    /// By the design in force.
    pub design: Trace,
    /// Where the two ways part; none where they are the same.
    pub parting: Option<Parting>,
    /// What the kernel holds otherwise than the design says, whether this packet meets it or not.
    pub deviations: Vec<Deviation>,
}

/// The trace by what the kernel holds.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Held {
    /// What happens to the packet.
    Trace(Box<Trace>),
    /// Somebody put something into the kernel that the trace doesn't know; this is what.
    Unknown(String),
}

/// The first step that isn't the same; none where a way has ended before.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Parting {
    /// The kernel's.
    pub kernel: Option<Step>,
    /// The design's.
    pub design: Option<Step>,
}

/// Deviations that the text shows.
const SHOWN: usize = 20;

impl Live {
    /// Traces a packet through what was read from the kernel and through what it should hold by the design in force.
    /// `cut_off` are the elements of the set [`CUT_OFF`].
    ///
    /// # Errors
    /// [`TraceError`] where the packet is none that the design's sides could send.
    pub fn trace(
        design: &Design,
        mut wanted: KernelState,
        mut observed: KernelState,
        cut_off: &[Value],
        question: &Question,
    ) -> Result<Self, TraceError> {
        let deviations = deviations(&observed, &wanted);
        for table in observed.table.iter_mut().chain(&mut wanted.table) {
            Arc::make_mut(table).fill(CUT_OFF, cut_off.iter().cloned());
        }
        let by_design = Tracer::over(design, wanted)?.trace(question)?;
        let by_kernel = Tracer::over(design, observed)
            .map_err(TraceError::from)
            .and_then(|tracer| tracer.trace(question));
        let kernel = match by_kernel {
            Ok(mut trace) => {
                if trace.outcome != by_design.outcome {
                    // The rows of the design aren't to blame.
                    trace.advice = None;
                }
                Held::Trace(Box::new(trace))
            }
            Err(TraceError::NotUnderstood(fault)) => Held::Unknown(fault.to_string()),
            Err(other) => return Err(other),
        };
        let parting = match &kernel {
            Held::Trace(trace) => parting(trace, &by_design),
            Held::Unknown(_) => None,
        };
        Ok(Self { kernel, design: by_design, parting, deviations })
    }

    /// Whether the packet, or its answer, would enter the tunnel.
    pub fn enters_tunnel(&self) -> bool {
        let trace = match &self.kernel {
            Held::Trace(trace) => trace,
            Held::Unknown(_) => &self.design,
        };
        trace
            .steps()
            .any(|step| matches!(step, Step::Route { found, .. } if found.leads_into_tunnel()))
    }

    /// Both traces and what is different, as text.
    pub fn text(&self, language: Language) -> String {
        let say = |ja, en| language.pick(ja, en);
        let mut text = match &self.kernel {
            Held::Trace(trace) => trace.text(language),
            Held::Unknown(fault) => format!(
                "{}: {fault}\n",
                say("カーネルの状態では追跡できません", "No trace by what the kernel holds")
            ),
        };
        text.push('\n');
        if self.deviations.is_empty() {
            text += say("カーネルは設計どおりです。\n", "The kernel holds what the design says.\n");
            return text;
        }
        text += say(
            "カーネルが設計と違います（同じ設計を apply すると直ります）:\n",
            "The kernel doesn't hold what the design says (applying the same design puts it right):\n",
        );
        for deviation in self.deviations.iter().take(SHOWN) {
            let _ = writeln!(text, "  {}", deviation.sentence(language));
        }
        if let Some(more) = self.deviations.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            let _ = writeln!(
                text,
                "  {}",
                language.pick(format!("ほかに {more} 件"), format!("and {more} more"))
            );
        }
        match &self.parting {
            Some(parting) => self.told_apart(&mut text, parting, language),
            None if matches!(self.kernel, Held::Trace(_)) => {
                text += say(
                    "この通信の結果は、設計での結果と同じです。\n",
                    "For this packet that makes no difference.\n",
                );
            }
            None => {}
        }
        text
    }

    fn told_apart(&self, text: &mut String, parting: &Parting, language: Language) {
        let say = |ja, en| language.pick(ja, en);
        let step = |step: &Option<Step>| {
            step.as_ref().map_or_else(
                || say("（なし）", "(none)").to_owned(),
                |step| text::step(step, language),
            )
        };
        let _ =
            writeln!(text, "{}", say("設計と分かれるところ:", "Where it parts from the design:"));
        let _ = writeln!(text, "  {}{}", say("カーネル: ", "kernel: "), step(&parting.kernel));
        let _ = writeln!(text, "  {}{}", say("設計: ", "design: "), step(&parting.design));
        let outcome = self.design.outcome.text(language);
        let _ = writeln!(text, "{}{outcome}", say("設計での結果: ", "Result by the design: "));
    }
}

/// The first step, there or back, that isn't the same.
fn parting(kernel: &Trace, design: &Trace) -> Option<Parting> {
    let (mut kernel, mut design) = (kernel.steps(), design.steps());
    loop {
        match (kernel.next(), design.next()) {
            (None, None) => return None,
            (kernel, design) if kernel == design => {}
            (kernel, design) => {
                return Some(Parting { kernel: kernel.cloned(), design: design.cloned() });
            }
        }
    }
}
