//! Schemas of what has a form of its own in JSON, or one that is the kernel's affair.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::{
    Deviation, Step,
    trace::{Opening, Side},
};

impl JsonSchema for Side {
    fn schema_name() -> Cow<'static, str> {
        "Side".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let words: Vec<&str> = Self::all().map(Self::as_str).collect();
        json_schema!({ "description": "A side of the device.", "type": "string", "enum": words })
    }
}

impl JsonSchema for Opening {
    fn schema_name() -> Cow<'static, str> {
        "Opening".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "What the first packet of a flow is: `tcp/443`, `udp/53`, `icmp-echo`.",
            "type": "string",
            "pattern": "^((tcp|udp)/[0-9]+|icmp-echo)$",
        })
    }
}

/// Something of the kernel's, called by the word in `what`; the rest is as the kernel has it.
fn kernels(description: &str) -> Schema {
    json_schema!({
        "description": description,
        "type": "object",
        "properties": { "what": { "type": "string" } },
        "required": ["what"],
        "additionalProperties": true,
    })
}

impl JsonSchema for Step {
    fn schema_name() -> Cow<'static, str> {
        "KernelStep".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        kernels("One change to the kernel.")
    }
}

impl JsonSchema for Deviation {
    fn schema_name() -> Cow<'static, str> {
        "Deviation".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        kernels("Something that the kernel holds otherwise than the design says.")
    }
}

#[cfg(test)]
mod tests {
    use sekisho_design::Lan;

    use super::*;

    #[test]
    fn a_side_is_one_of_five_words() {
        let schema = Side::json_schema(&mut SchemaGenerator::default());
        assert_eq!(schema.as_value()["enum"].as_array().unwrap().len(), Lan::ALL.len() + 3);
    }
}
