//! The messages of the ONNX file format under the names that the code calls them by.
//!
//! A file read and written again keeps everything it said. Scalars are `Option`s because the format
//! distinguishes "absent" from "zero". Decoding a [`Model`] from [`Bytes`](prost::bytes::Bytes)
//! shares the weights with the file's buffer and copies none of them.

pub use super::generated::tensor_proto::DataLocation;
pub use super::generated::tensor_shape_proto::Dimension;
pub use super::generated::tensor_shape_proto::dimension::Value as DimensionValue;
pub use super::generated::type_proto::Tensor as TensorType;
pub use super::generated::type_proto::Value as TypeValue;
pub use super::generated::{
    AttributeProto as Attribute, FunctionProto as Function, GraphProto as Graph,
    ModelProto as Model, NodeProto as Node, OperatorSetIdProto as OperatorSetId,
    SparseTensorProto as SparseTensor, TensorProto as Tensor, TensorShapeProto as TensorShape,
    TypeProto as Type, ValueInfoProto as ValueInfo,
};

/// `TensorProto.DataType` and the element types of `TypeProto.Tensor`, as fields hold them.
pub mod data_type {
    use super::super::generated::tensor_proto::DataType;

    pub const FLOAT: i32 = DataType::Float as i32;
    pub const UINT8: i32 = DataType::Uint8 as i32;
    pub const INT8: i32 = DataType::Int8 as i32;
    pub const UINT16: i32 = DataType::Uint16 as i32;
    pub const INT16: i32 = DataType::Int16 as i32;
    pub const UINT32: i32 = DataType::Uint32 as i32;
    pub const INT32: i32 = DataType::Int32 as i32;
    pub const INT64: i32 = DataType::Int64 as i32;
    pub const BOOL: i32 = DataType::Bool as i32;
    pub const FLOAT16: i32 = DataType::Float16 as i32;
    pub const DOUBLE: i32 = DataType::Double as i32;
    pub const BFLOAT16: i32 = DataType::Bfloat16 as i32;
}

/// `AttributeProto.AttributeType`, as fields hold it.
pub mod attribute_type {
    use super::super::generated::attribute_proto::AttributeType;

    pub const FLOAT: i32 = AttributeType::Float as i32;
    pub const INT: i32 = AttributeType::Int as i32;
    pub const TENSOR: i32 = AttributeType::Tensor as i32;
    pub const GRAPH: i32 = AttributeType::Graph as i32;
    pub const INTS: i32 = AttributeType::Ints as i32;
    pub const STRING: i32 = AttributeType::String as i32;
}
