//! Lists inside a cell: separated by `|`, the parts of an insurer by `:`.

/// Values without their own form.
pub(super) mod list {
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(in super::super) fn serialize<S: Serializer>(values: &[String], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&values.join("|"))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
        let cell = String::deserialize(from)?;
        Ok(super::values(&cell).map(str::to_owned).collect())
    }
}

/// Insurers: name, role, share in basis points.
pub(super) mod insurers {
    use contracts::endorsement::v1::InsurerShare;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(in super::super) fn serialize<S: Serializer>(
        shares: &[InsurerShare],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let shares: Vec<_> = shares
            .iter()
            .map(|share| format!("{}:{}:{}", share.name, share.role, share.share_basis_points))
            .collect();
        to.serialize_str(&shares.join("|"))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<InsurerShare>, D::Error> {
        let cell = String::deserialize(from)?;
        Ok(super::values(&cell).map(share).collect())
    }

    /// A share that is no number, or not the last of three parts, is sent as 0, which the service refuses with the row's other
    /// problems.
    fn share(text: &str) -> InsurerShare {
        let mut parts = text.splitn(3, ':');
        let mut next = || parts.next().unwrap_or_default().to_owned();
        InsurerShare {
            name: next(),
            role: next(),
            share_basis_points: next().parse().unwrap_or_default(),
        }
    }
}

fn values(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('|').filter(|value| !value.is_empty())
}
