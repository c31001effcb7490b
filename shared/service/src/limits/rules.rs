//! The rules of a field, out of its options. Upper bounds, lower bounds that zero keeps, classes of characters: a rule that
//! refuses a field which was left out would be another language than this one, since what is required is told in the
//! domain's own words.

use prost_reflect::{
    DescriptorError, DescriptorPool, DynamicMessage, ExtensionDescriptor, FieldDescriptor, Value,
};

use crate::limits::characters::Characters;

/// Why the rules cannot be enforced.
#[derive(Debug, thiserror::Error)]
pub enum LimitsError {
    /// The descriptors are damaged.
    #[error("the descriptors cannot be read")]
    Descriptors(#[from] DescriptorError),
    /// A part of the language of the rules, or an RPC that may be called, is not among the descriptors.
    #[error("{0} is not among the descriptors")]
    Missing(&'static str),
    /// A field has a rule that nothing enforces.
    #[error("the rule {rule} of {field} is not enforced")]
    NotEnforced {
        /// Full name of the field.
        field: String,
        /// The rule.
        rule: String,
    },
}

/// What a field's options say.
#[derive(Debug, Default)]
pub(super) struct FieldRules {
    /// Characters of a text, or bytes.
    pub(super) most_length: Option<u64>,
    pub(super) characters: Characters,
    pub(super) most_items: Option<u64>,
    pub(super) least: Option<i128>,
    pub(super) most: Option<i128>,
    /// Items are judged one by one elsewhere (`ignore: IGNORE_ALWAYS`).
    pub(super) apart: bool,
}

/// The extensions that rules are written with.
pub(super) struct Vocabulary {
    field: ExtensionDescriptor,
    ignore_always: i32,
}

impl Vocabulary {
    pub(super) fn of(pool: &DescriptorPool) -> Result<Self, LimitsError> {
        const ALWAYS: &str = "buf.validate.Ignore.IGNORE_ALWAYS";
        let ignore = pool.get_enum_by_name("buf.validate.Ignore");
        let always = ignore.and_then(|ignore| ignore.get_value_by_name("IGNORE_ALWAYS"));
        Ok(Self {
            field: pool
                .get_extension_by_name("buf.validate.field")
                .ok_or(LimitsError::Missing("buf.validate.field"))?,
            ignore_always: always.ok_or(LimitsError::Missing(ALWAYS))?.number(),
        })
    }

    /// The rules of a field; none where its options state none.
    pub(super) fn rules(&self, field: &FieldDescriptor) -> Result<FieldRules, LimitsError> {
        let mut rules = FieldRules::default();
        let options = field.options();
        if options.has_extension(&self.field)
            && let Value::Message(stated) = options.get_extension(&self.field).as_ref()
        {
            self.read(stated, &mut rules)
                .map_err(|rule| LimitsError::NotEnforced {
                    field: field.full_name().to_owned(),
                    rule,
                })?;
        }
        Ok(rules)
    }

    /// Reads a `FieldRules` message. The error names the rule that is not known.
    fn read(&self, stated: &DynamicMessage, rules: &mut FieldRules) -> Result<(), String> {
        for (field, value) in stated.fields() {
            match (field.name(), value) {
                ("string", Value::Message(text)) => of_text(text, rules)?,
                ("bytes", Value::Message(bytes)) => of_bytes(bytes, rules)?,
                ("int32" | "int64" | "uint32" | "uint64", Value::Message(number)) => {
                    of_number(number, rules)?;
                }
                ("repeated", Value::Message(list)) => self.of_list(list, rules)?,
                ("ignore", Value::EnumNumber(how)) if *how == self.ignore_always => rules.apart = true,
                (name, _) => return Err(name.to_owned()),
            }
        }
        Ok(())
    }

    fn of_list(&self, list: &DynamicMessage, rules: &mut FieldRules) -> Result<(), String> {
        for (field, value) in list.fields() {
            match (field.name(), value) {
                ("max_items", Value::U64(most)) => rules.most_items = Some(*most),
                ("items", Value::Message(item)) => self.read(item, rules)?,
                (name, _) => return Err(format!("repeated.{name}")),
            }
        }
        Ok(())
    }
}

fn of_text(text: &DynamicMessage, rules: &mut FieldRules) -> Result<(), String> {
    for (field, value) in text.fields() {
        match (field.name(), value) {
            ("max_len", Value::U64(most)) => rules.most_length = Some(*most),
            (name, _) => return Err(format!("string.{name}")),
        }
    }
    for (extension, value) in text.extensions() {
        match (extension.full_name(), value) {
            ("madoguchi.common.v1.one_line", Value::Bool(true)) => rules.characters = Characters::OneLine,
            ("madoguchi.common.v1.lines", Value::Bool(true)) => rules.characters = Characters::Lines,
            (name, _) => return Err(name.to_owned()),
        }
    }
    Ok(())
}

fn of_bytes(bytes: &DynamicMessage, rules: &mut FieldRules) -> Result<(), String> {
    for (field, value) in bytes.fields() {
        match (field.name(), value) {
            ("max_len", Value::U64(most)) => rules.most_length = Some(*most),
            (name, _) => return Err(format!("bytes.{name}")),
        }
    }
    Ok(())
}

/// A range that holds zero: a field that was left out is within it.
fn of_number(number: &DynamicMessage, rules: &mut FieldRules) -> Result<(), String> {
    for (field, value) in number.fields() {
        match (field.name(), whole(value)) {
            ("gte", Some(least)) if least <= 0 => rules.least = Some(least),
            ("lte", Some(most)) if most >= 0 => rules.most = Some(most),
            (name, _) => return Err(format!("number.{name}")),
        }
    }
    Ok(())
}

const fn whole(value: &Value) -> Option<i128> {
    match value {
        Value::I32(number) => Some(*number as i128),
        Value::I64(number) => Some(*number as i128),
        Value::U32(number) => Some(*number as i128),
        Value::U64(number) => Some(*number as i128),
        _ => None,
    }
}
