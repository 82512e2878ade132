"""Makes the files of tables of this folder: pyarrow 26 and TensorFlow 2.21."""
import datetime, decimal
import pyarrow as pa, pyarrow.feather, pyarrow.ipc, pyarrow.parquet as pq

utc = datetime.timezone.utc
rows = 5
table = pa.table({
    "n": pa.array([1, 2, None, 4, 5], pa.int32()),
    "f": pa.array([0.5, None, 2.5, 3.5, 4.5], pa.float64()),
    "half": pa.array([1.5, 2.5, 3.5, 4.5, 5.5], pa.float16()),
    "big": pa.array([2**53 + 1, 2, 3, 4, 5], pa.int64()),
    "small": pa.array([250, 251, 252, 253, 254], pa.uint8()),
    "yes": pa.array([True, False, True, False, None], pa.bool_()),
    "at": pa.array([datetime.datetime(2024, 5, 6, 7, 8, 9, 500, utc)] * 4 + [None], pa.timestamp("us", "UTC")),
    "day": pa.array([datetime.date(1970, 1, 11)] * rows, pa.date32()),
    "time": pa.array([datetime.time(0, 0, 1)] * rows, pa.time64("us")),
    "price": pa.array([decimal.Decimal("12.34"), decimal.Decimal("-0.05"), decimal.Decimal("99999999.99"), None, decimal.Decimal("1.00")], pa.decimal128(10, 2)),
    "v": pa.array([[1, 2], [3, 4], [5, None], [7, 8], [9, 10]], pa.list_(pa.float32())),
    "m": pa.array([[[1, 2], [3, 4]]] * rows, pa.list_(pa.list_(pa.int16()))),
    "pay": pa.array([{"amount": 1.5, "to": {"id": 7}}, {"amount": None, "to": {"id": 8}}, None, {"amount": 2.5, "to": None}, {"amount": 3.5, "to": {"id": 9}}],
                    pa.struct([("amount", pa.float64()), ("to", pa.struct([("id", pa.int64())]))])),
    "text": pa.array(["a", "bc", None, "d", ""], pa.string()),
    "raw": pa.array([b"\xff", b"\x00", b"", b"x", b"y"], pa.binary()),
    "tags": pa.array([[("k", 1)]] * rows, pa.map_(pa.string(), pa.int32())),
    "items": pa.array([[{"a": 1}]] * rows, pa.list_(pa.struct([("a", pa.int32())]))),
    "kind": pa.array(["red", "blue", "red", "green", "blue"]).dictionary_encode(),
})
pq.write_table(table, "table.parquet", row_group_size=2)
plain = table.drop_columns(["half"])
for codec in ["gzip", "brotli", "zstd", "lz4"]:
    pq.write_table(plain, f"{codec}.parquet", compression=codec, data_page_version="2.0", use_dictionary=codec == "zstd")
pq.write_table(plain, "old.parquet", version="1.0", use_deprecated_int96_timestamps=True, compression="none", use_compliant_nested_type=False)
pa.feather.write_feather(table, "table.feather", chunksize=2)
pa.feather.write_feather(table, "zstd.feather", compression="zstd")
with pa.ipc.new_stream("table.arrows", table.schema) as w:
    w.write_table(table, 3)

try:
    import tensorflow as tf
except ImportError:
    raise SystemExit
def example(**features):
    kinds = {int: lambda v: tf.train.Feature(int64_list=tf.train.Int64List(value=v)), float: lambda v: tf.train.Feature(float_list=tf.train.FloatList(value=v)),
             bytes: lambda v: tf.train.Feature(bytes_list=tf.train.BytesList(value=v))}
    return tf.train.Example(features=tf.train.Features(feature={k: kinds[type(v[0])](v) for k, v in features.items()})).SerializeToString()
for name, pack in [("table.tfrecord", ""), ("packed.tfrecord", "GZIP")]:
    with tf.io.TFRecordWriter(name, pack) as w:
        w.write(example(age=[31], pixel=[0.5, 1.5], kind=[b"oak"]))
        w.write(example(age=[32], pixel=[2.5, 3.5], kind=[b"ash"], late=[2**53 + 1]))
        w.write(example(pixel=[4.5, 5.5], kind=[b"oak"], late=[-1]))
