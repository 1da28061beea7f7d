//! Rules as text, in nft's own words where it has them.

use serde_json::Value;

/// A rule's statements in one line.
pub(crate) fn rule(statements: &[Value]) -> String {
    statements.iter().map(statement).collect::<Vec<_>>().join(" ")
}

/// One statement. What this crate makes none of is shown as it is.
pub(crate) fn statement(statement: &Value) -> String {
    let parts = statement.as_object().and_then(|object| object.iter().next());
    let Some((kind, body)) = parts else { return statement.to_string() };
    let word = |key: &str| expression(body.get(key).unwrap_or(&Value::Null));
    match kind.as_str() {
        "match" => match body.get("op").and_then(Value::as_str) {
            Some(op @ ("!=" | "!")) => format!("{} {op} {}", word("left"), word("right")),
            _ => format!("{} {}", word("left"), word("right")),
        },
        "mangle" => format!("{} set {}", word("key"), word("value")),
        "counter" => format!("counter {}", expression(body)),
        "limit" => format!("limit rate {}/{} burst {}", word("rate"), word("per"), word("burst")),
        "log" => format!("log prefix {} group {}", word("prefix"), word("group")),
        "set" => {
            let statements = body.get("stmt").and_then(Value::as_array).into_iter().flatten();
            let statements: Vec<_> = statements.map(metered).collect();
            format!(
                "{} {} {{ {} {} }}",
                word("op"),
                word("set"),
                word("elem"),
                statements.join(" ")
            )
        }
        "ct helper" => format!("ct helper set {}", expression(body)),
        "goto" => format!("goto {}", word("target")),
        "reject" => format!("reject with {} {}", word("type"), word("expr")),
        "dnat" | "snat" => match body.get("port") {
            Some(port) => format!("{kind} to {}:{}", word("addr"), expression(port)),
            None => format!("{kind} to {}", word("addr")),
        },
        "accept" | "drop" | "notrack" => kind.clone(),
        _ => statement.to_string(),
    }
}

/// One expression: what a condition looks at, or what is set.
fn metered(statement: &Value) -> String {
    let Some((kind, body)) = statement.as_object().and_then(|object| object.iter().next()) else {
        return statement.to_string();
    };
    let word = |key: &str| expression(body.get(key).unwrap_or(&Value::Null));
    let unit =
        |key: &str| body.get(key).map_or(String::new(), |unit| format!(" {}", expression(unit)));
    match kind.as_str() {
        "counter" => kind.clone(),
        "ct count" => format!("ct count over {}", word("val")),
        "limit" => {
            let (rate, burst) = (word("rate"), word("burst"));
            let (of, more) = (unit("rate_unit"), unit("burst_unit"));
            format!("limit rate over {rate}{of}/{} burst {burst}{more}", word("per"))
        }
        _ => statement.to_string(),
    }
}

pub(crate) fn expression(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(expression).collect::<Vec<_>>().join(","),
        Value::Object(object) => match object.iter().next() {
            Some((kind, body)) if object.len() == 1 => named(kind, body),
            _ => value.to_string(),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

fn named(kind: &str, body: &Value) -> String {
    let word = |key: &str| expression(body.get(key).unwrap_or(&Value::Null));
    let joined = |with: &str| {
        let items = body.as_array().into_iter().flatten();
        items.map(expression).collect::<Vec<_>>().join(with)
    };
    match kind {
        "meta" => word("key"),
        "payload" => format!("{} {}", word("protocol"), word("field")),
        "ct" => match body.get("dir") {
            Some(dir) => format!("ct {} {}", expression(dir), word("key")),
            None => format!("ct {}", word("key")),
        },
        "fib" => format!("fib {} {}", word("flags"), word("result")),
        "concat" => joined(" . "),
        "range" => joined("-"),
        "prefix" => format!("{}/{}", word("addr"), word("len")),
        "&" => joined(" & "),
        "set" => format!("{{ {} }}", joined(", ")),
        "map" => format!("{} map {}", word("key"), word("data")),
        "tcp option" => format!("tcp option {} {}", word("name"), word("field")),
        _ => format!("{kind} {body}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rules_read_like_nft() {
        let mark = json!({ "meta": { "key": "mark" } });
        let source = json!({ "payload": { "protocol": "ip", "field": "saddr" } });
        let key = json!({ "concat": [mark, source] });
        let cases = [
            (
                json!([
                    { "match": { "op": "==", "left": { "meta": { "key": "iifname" } }, "right": "port2" } },
                    { "match": { "op": "!=", "left": key, "right": "@office" } },
                    { "goto": { "target": "refuse/head-office/spoofed-source" } },
                ]),
                "iifname port2 mark . ip saddr != @office goto refuse/head-office/spoofed-source",
            ),
            (
                json!([{ "snat": { "family": "ip", "addr": { "map": { "key": key, "data": "@napt" } } } }]),
                "snat to mark . ip saddr map @napt",
            ),
            (
                json!([{ "mangle": { "key": { "ct": { "key": "zone" } }, "value": 1 } }]),
                "ct zone set 1",
            ),
            (
                json!([{ "reject": { "type": "icmp", "expr": "admin-prohibited" } }]),
                "reject with icmp admin-prohibited",
            ),
            (json!([{ "accept": null }]), "accept"),
            (
                json!([{ "match": { "op": "==", "left": source, "right": { "prefix": { "addr": "10.0.0.0", "len": 8 } } } }]),
                "ip saddr 10.0.0.0/8",
            ),
            (
                json!([{ "match": { "op": "==", "left": source, "right": { "range": ["10.0.0.5", "10.0.0.9"] } } }]),
                "ip saddr 10.0.0.5-10.0.0.9",
            ),
            (json!([{ "queue": 1 }]), r#"{"queue":1}"#),
        ];
        for (statements, text) in cases {
            assert_eq!(rule(statements.as_array().unwrap()), text);
        }
    }
}
