//! What sheets and differences are written with: values in the reader's language.

use jiff::{Timestamp, Zoned, tz};

use crate::{Both, Class, Environment, Lan, Language, messages};

impl Language {
    /// One of two texts.
    pub fn pick<T>(self, japanese: T, english: T) -> T {
        match self {
            Self::Japanese => japanese,
            Self::English => english,
        }
    }

    /// A list as people write it.
    pub(crate) fn list<T: ToString>(self, values: impl IntoIterator<Item = T>) -> String {
        let values: Vec<_> = values.into_iter().map(|value| value.to_string()).collect();
        values.join(self.pick("、", ", "))
    }

    pub(crate) fn lan(self, lan: Lan) -> &'static str {
        messages::lan(lan, self)
    }

    /// What people call an environment.
    pub fn environment(self, environment: Environment) -> &'static str {
        messages::environment(environment, self)
    }

    /// What people call a class of traffic.
    pub(crate) fn class(self, class: Class) -> &'static str {
        match class {
            Class::Online => self.pick("オンライン", "online"),
            Class::Normal => self.pick("通常", "normal"),
            Class::Bulk => self.pick("一括", "bulk"),
        }
    }
}

/// One text in both languages.
pub(crate) fn both(text: impl Fn(Language) -> String) -> Both {
    Both { ja: text(Language::Japanese), en: text(Language::English) }
}

/// A time as it is in Japan, to the minute.
pub(crate) fn minute(time: Timestamp) -> String {
    in_japan(time).strftime("%Y-%m-%d %H:%M %:z").to_string()
}

/// A time as it is in Japan, whole.
pub(crate) fn whole(time: Timestamp) -> String {
    in_japan(time).strftime("%Y-%m-%d %H:%M:%S%.f %:z").to_string()
}

fn in_japan(time: Timestamp) -> Zoned {
    time.to_zoned(tz::offset(9).to_time_zone())
}
