//! Which code of ChaCha20-Poly1305 this processor runs.

/// A set of instructions that the cipher's code asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Instructions {
    /// Supplemental SSE3: every processor of this kind since 2006, and Atoms since 2008.
    Ssse3,
    /// SSE4.1: Atoms since 2013, the E38xx among them.
    Sse41,
    /// Advanced Vector Extensions 2.
    Avx2,
    /// Bit Manipulation Instructions 2.
    Bmi2,
}

/// The code that runs. It decides how fast the tunnel is: the wider its registers, the fewer rounds a packet takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CipherCode {
    /// Eight blocks at a time, cipher and authenticator together.
    Avx2,
    /// Four blocks at a time, together.
    Sse41,
    /// Four blocks at a time, one after the other.
    Ssse3,
    /// What every processor can do.
    Portable,
}

impl Instructions {
    /// All, the oldest first.
    pub const ALL: [Self; 4] = [Self::Ssse3, Self::Sse41, Self::Avx2, Self::Bmi2];

    /// Its usual name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ssse3 => "SSSE3",
            Self::Sse41 => "SSE4.1",
            Self::Avx2 => "AVX2",
            Self::Bmi2 => "BMI2",
        }
    }

    /// Those that this processor has, and the kernel lets programs use.
    pub fn here() -> Vec<Self> {
        Self::ALL.into_iter().filter(|set| set.is_here()).collect()
    }

    #[cfg(target_arch = "x86_64")]
    fn is_here(self) -> bool {
        match self {
            Self::Ssse3 => is_x86_feature_detected!("ssse3"),
            Self::Sse41 => is_x86_feature_detected!("sse4.1"),
            Self::Avx2 => is_x86_feature_detected!("avx2"),
            Self::Bmi2 => is_x86_feature_detected!("bmi2"),
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn is_here(self) -> bool {
        false
    }
}

impl CipherCode {
    /// What ring 0.17 chooses where a processor has these.
    pub fn with(sets: &[Instructions]) -> Self {
        let has = |set| sets.contains(&set);
        if !has(Instructions::Sse41) {
            return if has(Instructions::Ssse3) { Self::Ssse3 } else { Self::Portable };
        }
        if has(Instructions::Avx2) && has(Instructions::Bmi2) { Self::Avx2 } else { Self::Sse41 }
    }
}

#[cfg(test)]
mod tests {
    use super::{Instructions::*, *};

    #[test]
    fn the_widest_code_that_a_processor_runs_is_chosen() {
        for (sets, code) in [
            (&Instructions::ALL[..], CipherCode::Avx2),
            (&[Ssse3, Sse41, Avx2], CipherCode::Sse41),
            (&[Ssse3, Sse41], CipherCode::Sse41),
            (&[Ssse3], CipherCode::Ssse3),
            (&[], CipherCode::Portable),
        ] {
            assert_eq!(CipherCode::with(sets), code, "{sets:?}");
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn the_kernel_agrees_about_this_processor() {
        let told = std::fs::read_to_string("/proc/cpuinfo").unwrap();
        let flags = told.lines().find(|line| line.starts_with("flags")).unwrap();
        let flags: Vec<_> = flags.split_whitespace().collect();
        for (set, flag) in [(Ssse3, "ssse3"), (Sse41, "sse4_1"), (Avx2, "avx2"), (Bmi2, "bmi2")] {
            assert_eq!(Instructions::here().contains(&set), flags.contains(&flag), "{flag}");
        }
    }
}
