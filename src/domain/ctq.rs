//! The vocabulary of CTQ (Critical To Quality) items. The list of items itself is data: a sheet.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Code of a CTQ item: a dimension letter and an ordinal. The sheet decides which of them count.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum CtqItem {
    /// 통화연결성, line connectivity.
    A1,
    /// 상담사 연결시도횟수, attempts to reach an agent.
    A2,
    /// 상담사 연결시간, agent wait.
    A3,
    /// 맞이인사 이행, greeting content.
    B1,
    /// 맞이인사 어감, greeting tone.
    B2,
    /// 상담사 어감, tone.
    C1,
    /// 상담사 말속도, speaking rate.
    C2,
    /// 자신있는 응대, confidence.
    C3,
    /// 고객의 말자름, interrupting.
    C4,
    /// 호응어, empathy and backchannel.
    C5,
    /// 적극적 안내, proactive guidance.
    C6,
    /// 문의내용 파악, understanding.
    D1,
    /// 설명의 명확성, clear explanation.
    D2,
    /// 업무처리 신속성, one-stop handling.
    D3,
    /// 추가문의 확인, further help.
    E1,
    /// 종료인사, closing.
    E2,
}

impl CtqItem {
    /// All sixteen, in the order of the sheet and of every report.
    pub const ALL: [Self; 16] = [
        Self::A1,
        Self::A2,
        Self::A3,
        Self::B1,
        Self::B2,
        Self::C1,
        Self::C2,
        Self::C3,
        Self::C4,
        Self::C5,
        Self::C6,
        Self::D1,
        Self::D2,
        Self::D3,
        Self::E1,
        Self::E2,
    ];
}

impl fmt::Display for CtqItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl std::str::FromStr for CtqItem {
    type Err = UnknownItem;
    fn from_str(code: &str) -> Result<Self, UnknownItem> {
        Self::ALL
            .into_iter()
            .find(|item| item.to_string().eq_ignore_ascii_case(code))
            .ok_or_else(|| UnknownItem { code: code.to_owned() })
    }
}

/// A code that names no item.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{code}` is not a CTQ item; use one of A1-A3, B1, B2, C1-C6, D1-D3, E1, E2")]
pub struct UnknownItem {
    /// The rejected code.
    pub code: String,
}

/// The five dimensions of the KSQI call-center model.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Dimension {
    /// 수신여건.
    Reception,
    /// 고객맞이.
    Greeting,
    /// 상담태도.
    Attitude,
    /// 업무처리.
    Handling,
    /// 종료태도.
    Closing,
}

impl Dimension {
    /// All five, in report order.
    pub const ALL: [Self; 5] =
        [Self::Reception, Self::Greeting, Self::Attitude, Self::Handling, Self::Closing];
}

/// The three stages of a service encounter.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Before the agent is on the line.
    Before,
    /// While the agent serves.
    On,
    /// While the call is closed.
    After,
}
