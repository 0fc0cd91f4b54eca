#!/bin/sh
# A campaign for the default model: material, training, averages, scores. It can be stopped at any time; run it again to
# continue.
#
#   MATERIAL=material VALID=songs-valid STEPS=4000 COOLDOWN=2400 nice -n 19 sh experiments/default-model/campaign.sh WORK
#
# MATERIAL is a material folder of the songbook with tracker modules in MATERIAL/modules; MIXES, if set, is what mixes.py
# built. STEPS and COOLDOWN are those of the whole run; partita train --check tells how long it will take.
set -eu
work=${1:?folder to work in}
songs=${SONGS:-400} jobs=${JOBS:-2} steps=${STEPS:-4000} cooldown=${COOLDOWN:-2400}
here=$(dirname "$0")
manifest=$here/../../songbook/examples/default-model.toml
# on a busy machine, threads that spin while they wait take more time than those that compute
export OMP_NUM_THREADS="${THREADS:-2}" OMP_WAIT_POLICY=PASSIVE GOMP_SPINCOUNT=0
mkdir -p "$work/logs"

# rendering: one part of the songs in each process, and vocals over the modules in one more, one thread each
if [ ! -e "$work/rendered" ]; then
    if [ ! -e "$work/modules/rendered" ]; then
        OMP_NUM_THREADS=1 python "$here/modules.py" "$MATERIAL/modules" "$work/modules" --pictures "$work/pictures"
        touch "$work/modules/rendered"
    fi
    partita-songbook --songs 12 --seed 1 --data "$MATERIAL" --manifest "$manifest" -o "$work/held-out" --split valid --jobs "$jobs"
    # material whose finished stems are the modules, so that the songbook sings over them
    mkdir -p "$work/material"
    ln -sfn "$(realpath "$work/modules/train")" "$work/material/modules"
    for folder in "$MATERIAL"/*/; do
        name=$(basename "$folder")
        [ "$name" = modules ] || ln -sfn "$(realpath "$folder")" "$work/material/$name"
    done
    cat "$manifest" "$here/modules.toml" > "$work/material/songbook.toml"
    OMP_NUM_THREADS=1 partita-songbook --songs 0 --stems --seed "${SEED:-31}" --data "$work/material" -o "$work/sung" \
        > "$work/logs/sung.log" 2>&1 &
    part=0 processes=$!
    while [ "$part" -lt "$jobs" ]; do
        OMP_NUM_THREADS=1 python "$here/render_songs.py" "$work/songs" --material "$MATERIAL" --manifest "$manifest" --seed "${SEED:-31}" \
            --first $((part * songs / jobs)) --songs $((songs / jobs)) > "$work/logs/songs-$part.log" 2>&1 &
        processes="$processes $!"
        part=$((part + 1))
    done
    for process in $processes; do wait "$process"; done
    touch "$work/rendered"
fi

resume=
[ -e "$work/run/checkpoints/last.ckpt" ] && resume=--resume
# excerpts as long as the windows the model separates in
partita train "$here/config.toml" --out "$work/run" $resume \
    --data "$work/songs" --data "$work/sung=0.7" --valid "$VALID" \
    --set model.init=default --set data.segment=10 --set data.batch_size=6 --set augment.remix_group=3 \
    --set optim.learning_rate=2e-4 --set optim.weight_decay=0.01 --set optim.warmup_steps=30 --set optim.ema_decay=0.995 \
    --set optim.steps="$steps" --set optim.cooldown_steps="$cooldown" \
    --set run.validate_every=500 --set run.checkpoint_minutes=3

last=$work/run/checkpoints/last.ckpt
python "$here/blend.py" "$work/last" "$last=1"
python "$here/blend.py" "$work/half" default=0.5 "$last=0.5"
python "$here/blend.py" "$work/half-masked" default=0.5 "$last=0.5" --mask
python "$here/rulers.py" default "$work/last" "$work/half" "$work/half-masked" --real "$VALID" ${MIXES:+--mixes "$MIXES"} \
    --modules "$work/modules/valid" --held-out "$work/held-out" --seconds 60 --json "$work/scores.json"
