"""
The shell scripts of a training's steps; each is plain POSIX shell that BusyBox runs.

What they need comes in variables, so nothing of the user's is ever part of a script.
"""

# Of each address: fetch it beside its name, check it, and only then give it the name; so what has
# the name is whole. A checksum is written behind the address: https://...#sha256=<64 hex>.
FETCH = """\
set -euf
if [ -z "$DATA_URLS" ]; then
  echo "No URLs provided in DATA_URLS."
  exit 1
fi
number=0
for url in $DATA_URLS; do
  number=$((number + 1))
  wanted=
  case $url in
    *'#sha256='*) wanted=$(echo "${url##*'#sha256='}" | tr A-F a-f); url=${url%%'#sha256='*} ;;
  esac
  # Not what comes behind it, such as a signature, which may be longer than a name can be.
  name=$(basename -- "${url%%[?#]*}" | cut -c 1-200)
  while [ -e "$DATA_VOLUME_PATH/$name" ]; do
    name=$number-$name
  done
  file=$DATA_VOLUME_PATH/$name
  echo "Downloading $url to $file"
  curl --fail --silent --show-error --location --retry 4 --retry-delay 2 --retry-all-errors \\
    --output "$file.part" --url "$url"
  if [ ! -s "$file.part" ]; then
    echo "$url is empty"
    exit 1
  fi
  found=$(sha256sum "$file.part" | cut -d ' ' -f 1)
  if [ -n "$wanted" ] && [ "$wanted" != "$found" ]; then
    echo "$url has the SHA-256 $found, wanted is $wanted"
    exit 1
  fi
  mv "$file.part" "$file"
  echo "Successfully downloaded $url, SHA-256 $found"
done
echo "All downloads completed successfully"
"""

# Dot files too, and an empty directory is said to be one.
EXTRACT = """\
set -eu
if [ -z "$(ls -A "$SOURCE_PATH")" ]; then
  echo "$SOURCE_PATH of this image is empty"
  exit 1
fi
cp -r "$SOURCE_PATH/." "$DATA_VOLUME_PATH"
ls -la "$DATA_VOLUME_PATH"
"""

# The training is over and went well, or this would not run. A push that is refused is tried again
# for about an hour, for the result cost more than the wait and the Secret can be mended meanwhile:
# what is mounted follows it.
PUSH = """\
set -eu
done=$(find "$RESULTS_PATH" -name fine_tuning_completed.txt | head -n 1)
if [ -z "$done" ]; then
  echo "The training ended without a result: there is no fine_tuning_completed.txt in $RESULTS_PATH"
  exit 1
fi
mkdir -p "$SCRATCH_PATH/data"
for file in adapter_config.json adapter_model.safetensors; do
  cp "$(dirname "$done")/$file" "$SCRATCH_PATH/data/"
done
layer=$SCRATCH_PATH/layer.tar
tar -C "$SCRATCH_PATH" -cf "$layer" data
tries=0
wait=10
until crane append --base "$BASE_IMAGE" --new_layer "$layer" --new_tag "$ADAPTER_IMAGE"; do
  tries=$((tries + 1))
  if [ "$tries" -ge 15 ]; then
    echo "Push of $ADAPTER_IMAGE failed $tries times"
    exit 1
  fi
  echo "Push failed, retrying in $wait seconds..."
  sleep "$wait"
  wait=$((wait * 2 < 300 ? wait * 2 : 300))
done
echo "Upload complete"
"""
