#!/bin/sh
# Ann and Ben talk in a room, both through wscat. Start a relay first: npm start
# By hand it takes two terminals, each with: npx wscat --connect ws://localhost:3000/room/doc
set -eu

url=ws://127.0.0.1:${PORT:-3000}/room/doc

pipes=$(mktemp -d)
trap 'rm -r "$pipes"' EXIT
mkfifo "$pipes/to-ann" "$pipes/from-ann" "$pipes/to-ben" "$pipes/from-ben"

hears() {
  read -r message <&"$2"
  echo "$1 hears $message"
}

# Each wscat stays as long as its input is open.
npx wscat --connect "$url" <"$pipes/to-ann" >"$pipes/from-ann" &
exec 3>"$pipes/to-ann" 4<"$pipes/from-ann"
hears Ann 4 # connected

npx wscat --connect "$url?nickname=Ben" <"$pipes/to-ben" >"$pipes/from-ben" 3>&- 4<&- &
exec 5>"$pipes/to-ben" 6<"$pipes/from-ben"
hears Ben 6 # connected
hears Ann 4 # user-joined

echo '{"type":"content","data":"Hello"}' >&5
hears Ann 4 # what Ben said

exec 5>&-
hears Ann 4 # user-left
exec 3>&-
wait
