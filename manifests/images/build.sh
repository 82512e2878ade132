#!/usr/bin/env bash
# Builds the four images as OCI tars without a container engine:
#   build.sh OUT-FOLDER FOLDER-OF-PROGRAMS TOOLCHAIN [TAG]
# The tars hold what the Dockerfile beside this script puts into images; the
# files of TensorFlow are one layer that two images share. Beside each tar lies
# its bill of materials, as CycloneDX JSON.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
out=$1 bin=$2 toolchain=$3 tag=${4:-local}
tf=$toolchain/tensorflow-2.21.0 onnx=$toolchain/onnx-1.28.0-1.23.2-1.17.0 optuna=$toolchain/optuna-5.0.0 mimalloc=$toolchain/mimalloc-3.4.3
mkdir -p "$out"
mkimage=$out/mkimage
(cd "$here/../../test/cluster/src/tools" && CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$mkimage" ./cmd/mkimage)
work=$(mktemp -d "$out/work.XXXXXX"); trap 'rm -rf "$work"' EXIT

# What every image has: certificates and a user that is not root.
mkdir -p "$work/etc/ssl/certs"
printf 'root:x:0:0:root:/root:/sbin/nologin\nkafkaml:x:65532:65532:kafkaml:/tmp:/sbin/nologin\n' > "$work/etc/passwd"
printf 'root:x:0:\nkafkaml:x:65532:\n' > "$work/etc/group"
cp -L /etc/ssl/certs/ca-certificates.crt "$work/etc/ssl/certs/" 2>/dev/null ||
  cp -L "$(python3 -c 'import certifi; print(certifi.where())')" "$work/etc/ssl/certs/ca-certificates.crt"
base=$work/etc=/etc

# The files that programs load from the system: FILE=FILE for each shared library.
libraries() {
  for f in "$@"; do ldd "$f"; done | awk '/=> \//{print $3} /^\t\/lib/{print $1}' | grep -v "^$toolchain" | sort -u | while read -r l; do echo "$l=$l"; done
}
layer() { # NAME FILES...: made once for each version
  local to=$out/$1.layer; shift
  [ -e "$to" ] || { "$mkimage" -layer "$to.part" "$@"; mv "$to.part" "$to"; }
}
names=$(for n in libnss_dns.so.2 libnss_files.so.2 libresolv.so.2; do f=/lib/x86_64-linux-gnu/$n; echo "$f=$f"; done)
site=/opt/kafkaml/tensorflow-2.21.0
l=$tf/site/tensorflow
layer tensorflow-2.21.0-bound-onnx "$l/libtensorflow_cc.so.2=$site/site/tensorflow/libtensorflow_cc.so.2" \
  "$l/libtensorflow_framework.so.2=$site/site/tensorflow/libtensorflow_framework.so.2" "$tf/lib=$site/lib" \
  "$onnx/lib/libonnxruntime.so=/usr/local/lib/libonnxruntime.so" \
  $(libraries "$l/libtensorflow_cc.so.2" "$l/libtensorflow_framework.so.2") $names
# ONNX Runtime lies where the programs look for it: in ../lib.
layer onnxruntime-1.28.0 "$onnx/lib/libonnxruntime.so=/usr/local/lib/libonnxruntime.so" \
  $(libraries "$bin/kafkaml-predict" "$onnx/lib/libonnxruntime.so") $names
python=$(cat "$tf/python"); minor=${python##*python}
layer "keras-$minor-onnx-optuna" "$python=$python" "/usr/lib/python$minor=/usr/lib/python$minor=-test,idlelib,ensurepip,config-*" \
  "$tf/python=$site/python" \
  "$tf/site=$site/site=-libtensorflow_cc.so.2,libtensorflow_framework.so.2,libclang.so,tensorflow/include" \
  "$onnx/site=/opt/kafkaml/${onnx##*/}/site" "$optuna/site=/opt/kafkaml/${optuna##*/}/site" \
  $(libraries "$python" /usr/lib/python"$minor"/lib-dynload/*.so)

"$mkimage" -name "dev.local/kafkaml:$tag" -o "$out/kafkaml.tar" -entrypoint /usr/local/bin/kafkaml "$base" "$bin/kafkaml=/usr/local/bin/kafkaml"
"$mkimage" -name "dev.local/kafkaml-predict:$tag" -o "$out/kafkaml-predict.tar" -entrypoint /usr/local/bin/kafkaml-predict \
  -env "PATH=/usr/local/bin" -base "$out/onnxruntime-1.28.0.layer" "$base" "$bin/kafkaml-predict=/usr/local/bin/kafkaml-predict"
"$mkimage" -name "dev.local/kafkaml-tensorflow:$tag" -o "$out/kafkaml-tensorflow.tar" -entrypoint /usr/local/bin/kafkaml-tensorflow \
  -env "PATH=/usr/local/bin,LD_LIBRARY_PATH=$site/lib,TF_CPP_MIN_LOG_LEVEL=2,MIMALLOC_ALLOW_THP=0" -base "$out/tensorflow-2.21.0-bound-onnx.layer" \
  "$base" "$bin/kafkaml-tensorflow=/usr/local/bin/kafkaml-tensorflow" "$mimalloc/METADATA=/opt/kafkaml/mimalloc.dist-info/METADATA"
"$mkimage" -name "dev.local/kafkaml-keras:$tag" -o "$out/kafkaml-keras.tar" -entrypoint /usr/local/bin/kafkaml \
  -env "PATH=/usr/local/bin:/usr/bin,KAFKAML_TOOLCHAIN=/opt/kafkaml,TF_CPP_MIN_LOG_LEVEL=2" -base "$out/tensorflow-2.21.0-bound-onnx.layer,$out/keras-$minor-onnx-optuna.layer" \
  "$base" "$bin/kafkaml=/usr/local/bin/kafkaml" "$bin/kafkaml-predict=/usr/local/bin/kafkaml-predict"
(cd "$here" && go build -o "$out/sbom" ./sbom)
"$out/sbom" "$out"/kafkaml{,-predict,-tensorflow,-keras}.tar
printf '%-20s %8s %11s  %s\n' image size components 'bill of materials'
for i in kafkaml kafkaml-predict kafkaml-tensorflow kafkaml-keras; do
  printf '%-20s %5d MB %11d  %s\n' "$i" "$(( $(stat -c %s "$out/$i.tar") / 1000000 ))" "$(grep -c '"bom-ref"' "$out/$i.cdx.json")" "$out/$i.cdx.json"
done
