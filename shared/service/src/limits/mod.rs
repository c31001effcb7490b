//! What a request may hold: sizes and characters, as the protos state them (`buf.validate`, docs/adr/0026), read from the
//! committed descriptors and held against a message's bytes before anything decodes it. What a value means is parsed later,
//! by whoever knows.

mod characters;
mod extent;
mod read;
mod rules;
mod table;

use std::collections::HashMap;

use contracts::access::{Rule, TABLE};
use decider::{FieldViolation, Problem, ProblemKind};
use prost_reflect::{DescriptorPool, MethodDescriptor};

use crate::limits::read::Reading;
use crate::limits::table::{Kind, Message, Tables};

pub use rules::LimitsError;

/// Most wrong fields that one refusal names, each in two languages: they travel as metadata, of which many clients take 8 KiB.
/// How many more there are is told beside them.
pub(crate) const MOST_TOLD: usize = 10;
/// A message this large is read in any case, so that its fields can be named rather than its size. Small, because strangers
/// may send as many half messages as there are places (docs/adr/0033).
const LEAST_BYTES: usize = 64 * 1024;
/// The same where a message has rows that are judged one by one: a row that is far too long is named, and refuses itself alone.
const LEAST_BYTES_OF_ROWS: usize = 32 * 1024 * 1024;

/// The limits of every RPC that a server of ours answers.
#[derive(Debug)]
pub struct Limits {
    messages: Vec<Message>,
    methods: HashMap<String, MethodLimits>,
    by_name: HashMap<String, usize>,
}

/// One RPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MethodLimits {
    request: usize,
    /// Whether the caller may send any number of messages, also none.
    pub(crate) streams: bool,
    /// The largest message that is read.
    pub(crate) most_bytes: usize,
    /// Whether the answer gains by compression: bytes of ours are pictures or sealed.
    pub(crate) compressible: bool,
}

impl Limits {
    /// Reads the rules of our protos and of the standard services.
    ///
    /// # Errors
    /// For a rule that nothing here enforces, and for an RPC that may be called and is not described: nothing is passed over
    /// in silence.
    pub fn compile() -> Result<Self, LimitsError> {
        Self::of(TABLE)
    }

    fn of(callable: &[Rule]) -> Result<Self, LimitsError> {
        let mut pool = DescriptorPool::decode(contracts::FILE_DESCRIPTOR_SET)?;
        for standard in [
            tonic_health::pb::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
        ] {
            pool.decode_file_descriptor_set(standard)?;
        }
        let mut tables = Tables::over(&pool)?;
        let mut methods = HashMap::new();
        for service in pool.services() {
            for method in service.methods() {
                let path = format!("/{}/{}", service.full_name(), method.name());
                methods.insert(path, of_method(&mut tables, &method)?);
            }
        }
        if let Some(undescribed) = callable.iter().find(|rule| !methods.contains_key(rule.rpc)) {
            return Err(LimitsError::Missing(undescribed.rpc));
        }
        let (messages, by_name) = tables.into_parts();
        Ok(Self {
            messages,
            methods,
            by_name,
        })
    }

    /// The limits of an RPC by its path.
    pub(crate) fn of_rpc(&self, path: &str) -> Option<MethodLimits> {
        self.methods.get(path).copied()
    }

    /// Holds the bytes of a message that this RPC is called with against their rules.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` with the fields that are wrong: the first ten of them, and how many more there are.
    pub fn judge(&self, rpc: &str, bytes: &[u8]) -> Result<(), Problem> {
        self.of_rpc(rpc)
            .map_or(Ok(()), |method| self.check(method, bytes))
    }

    pub(crate) fn check(&self, method: MethodLimits, bytes: &[u8]) -> Result<(), Problem> {
        let reading = self.read(MOST_TOLD, method.request, bytes)?;
        if reading.found.is_empty() {
            return Ok(());
        }
        let mut problem = Problem::new(ProblemKind::InvalidArgument, "INVALID_ARGUMENT");
        problem.violations = reading.found;
        problem.more_violations = reading.more;
        Err(problem)
    }

    /// Holds a message of this name (`prost::Name::full_name`) against its rules, for rows, which are judged one by one. All
    /// that is wrong with a row is named, since part of it may be left out; in bytes that we have encoded, where each field
    /// stands once, that is no more than the rules allow items.
    pub(crate) fn of_row(&self, name: &str, bytes: &[u8]) -> Vec<FieldViolation> {
        let row = self.by_name.get(name);
        match row.map(|&message| self.read(usize::MAX, message, bytes)) {
            Some(Ok(reading)) => reading.found,
            Some(Err(unreadable)) => unreadable.violations,
            None => Vec::new(),
        }
    }

    fn read(&self, most: usize, message: usize, bytes: &[u8]) -> Result<Reading<'_>, Problem> {
        let mut reading = Reading::keeping(most, &self.messages);
        reading.message(message, bytes)?;
        Ok(reading)
    }
}

fn of_method(tables: &mut Tables, method: &MethodDescriptor) -> Result<MethodLimits, LimitsError> {
    let request = tables.add(&method.input())?;
    let fields = &tables.messages()[request].fields;
    let has_rows = fields
        .iter()
        .any(|field| matches!(field.kind, Kind::Message { apart: true, .. }));
    let least = if has_rows {
        LEAST_BYTES_OF_ROWS
    } else {
        LEAST_BYTES
    };
    Ok(MethodLimits {
        request,
        streams: method.is_client_streaming(),
        most_bytes: extent::largest(tables.messages(), request).max(least),
        compressible: method.full_name().starts_with("grpc.") || !extent::holds_bytes(&method.output()),
    })
}

#[cfg(test)]
mod reading_tests;
#[cfg(test)]
mod tests;
