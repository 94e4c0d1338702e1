// Calls to the simulator: JSON, or a file as it is.

/** Make a call and return its answer; throws an Error with the simulator's own words. */
export async function call(method, path, body) {
  const isFile = body instanceof File;
  const options = { method, headers: { "Content-Type": isFile ? body.type || "application/octet-stream" : "application/json" } };
  if (body !== undefined) options.body = isFile ? body : JSON.stringify(body);
  const response = await fetch(path, options);
  const reply = await response.json();
  if (!response.ok) throw new Error(reply.error);
  return reply;
}
