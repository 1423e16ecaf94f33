// Questions to the server. What it refuses is an Error with its own sentence.

/** The server's address for a path, without a login that the page's own may have: a request takes none. */
export function address(path) {
  return `${location.origin}/${path}`;
}

export async function post(path, body) {
  const answer = await fetch(address(path), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error((await answer.text()).trim());
  return answer.status === 204 ? null : answer.json();
}

const notice = document.getElementById("notice");

/** Says what went wrong, or nothing any more. */
export function say(sentence) {
  notice.textContent = sentence;
}

/** Sets a property, for all browsers. */
export async function set(name, value) {
  try {
    await post("settings", { name, value });
    say("");
    return true;
  } catch (error) {
    say(error.message);
    return false;
  }
}
