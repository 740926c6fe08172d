//! The stacks of a process at the time of a denial.

use serde::{Deserialize, Serialize};

use super::Text;

/// The stacks of the thread that asked, the innermost frame first.
#[derive(Clone, Debug, Default, PartialEq, Hash, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Stack<'a> {
    /// In the kernel, from the system call to the refusal and denyd's own program.
    #[serde(default, borrow, skip_serializing_if = "Vec::is_empty")]
    pub kernel: Vec<Frame<'a>>,
    /// In the program and its libraries. The kernel finds callers by frame pointers: in code built without them there
    /// are few frames.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub user: Vec<Frame<'a>>,
}

impl Stack<'_> {
    /// The same, borrowing from this one.
    #[must_use]
    pub fn borrowed(&self) -> Stack<'_> {
        Stack {
            kernel: self.kernel.iter().map(Frame::borrowed).collect(),
            user: self.user.iter().map(Frame::borrowed).collect(),
        }
    }

    /// The same, with text of its own.
    #[must_use]
    pub fn into_owned(self) -> Stack<'static> {
        let frames = |frames: Vec<Frame<'_>>| frames.into_iter().map(Frame::into_owned).collect();
        Stack { kernel: frames(self.kernel), user: frames(self.user) }
    }
}

/// One frame of a stack.
#[derive(Clone, Debug, Default, PartialEq, Hash, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Frame<'a> {
    /// The function.
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    pub function: Option<Text<'a>>,
    /// Bytes from the function's start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// The source file and line, `file:line`, where the program has debug information.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Text<'a>>,
    /// The program's or library's file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<Text<'a>>,
    /// The build id of that file, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_id: Option<Text<'a>>,
    /// The offset in that file, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_offset: Option<Text<'a>>,
    /// The address, in hexadecimal, where the file is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Text<'a>>,
}

impl Frame<'_> {
    fn borrowed(&self) -> Frame<'_> {
        fn text<'t>(text: Option<&'t Text<'_>>) -> Option<Text<'t>> {
            text.map(|text| Text::Borrowed(text))
        }
        let Self { function, offset, source, file, build_id, file_offset, address } = self;
        Frame {
            function: text(function.as_ref()),
            offset: *offset,
            source: text(source.as_ref()),
            file: text(file.as_ref()),
            build_id: text(build_id.as_ref()),
            file_offset: text(file_offset.as_ref()),
            address: text(address.as_ref()),
        }
    }

    fn into_owned(self) -> Frame<'static> {
        let Self { function, offset, source, file, build_id, file_offset, address } = self;
        let text = |text: Option<Text<'_>>| text.map(|text| Text::Owned(text.into_owned()));
        Frame {
            function: text(function),
            offset,
            source: text(source),
            file: text(file),
            build_id: text(build_id),
            file_offset: text(file_offset),
            address: text(address),
        }
    }
}
