# What the tasks share: a container to look at, and ways to ask it.

# Print where port $2 of container $1 is published.
address() {
    docker port "$1" "$2/tcp" | head -n 1
}

# Run image $2 as container $1, with the further arguments after it.
serve() {
    local name=$1 image=$2
    shift 2
    docker run --detach --name "$name" --env WEB_CONCURRENCY=1 \
        --publish 127.0.0.1::8000 --publish 127.0.0.1::9102 "$image" "$@"
}

# Print what http://…$3 on port $2 of container $1 answers, as soon as it does.
ask() {
    curl --silent --show-error --fail --max-time 60 \
        --retry 30 --retry-delay 1 --retry-all-errors "http://$(address "$1" "$2")$3"
}

# Print the HTTP status of path $3 on port $2 of container $1.
status() {
    curl --silent --output /dev/null --write-out '%{http_code}\n' "http://$(address "$1" "$2")$3"
}

# Ask path $2 of container $1 for $3 answers at once, and print how many seconds that took.
together() {
    local start=$SECONDS requests=() count
    for count in $(seq "$3"); do
        curl --silent --fail --max-time 120 --output /dev/null "http://$(address "$1" 8000)$2" &
        requests+=($!)
    done
    wait "${requests[@]}"
    echo $((SECONDS - start))
}

# Print the digest of the image in the .rock file $1.
digest() {
    tar --extract --to-stdout --file "$1" index.json |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["manifests"][0]["digest"])'
}

# Remove container $1 and image $2, whether they are there or not.
remove() {
    docker rm --force --volumes "$1" 2>/dev/null || true
    docker image rm --force "$2" 2>/dev/null || true
}
