/** Connects, loses the stream, resumes: the same steps in every runtime, with nothing but the built package. */

/**
 * Runs the steps and returns what was seen.
 *
 * `url` is a proxy of the server that cuts every stream on `POST /cut`.
 */
export async function runScenario(createClient, url, options = {}) {
  const got = []
  const gaps = []
  const channel = `runtime/${Math.random().toString(36).slice(2)}`
  const client = createClient({
    url: `${url}/api/sse/stream`,
    backoff: { baseMs: 20, maxMs: 100 },
    onGap: (gap) => gaps.push(gap),
    ...options,
  })
  client.subscribe(channel, ({ data }) => got.push(data))
  await until(() => client.connection.ready)
  await publish(url, channel, 1)
  await until(() => got.length === 1)
  const before = client.stats().opens
  await fetch(`${url}/cut`, { method: 'POST' })
  // On a busy machine it may be back before anybody looks.
  await until(() => client.connection.status !== 'open' || client.stats().opens > before)
  await publish(url, channel, 2)
  await publish(url, channel, 3)
  await until(() => got.length >= 3)
  await until(() => client.connection.ready)
  // A moment in which a duplicate would come.
  await new Promise((resolve) => setTimeout(resolve, 50))
  const { duplicates, opens } = client.stats()
  const { recovered } = client.connection
  client.close()
  return {
    got,
    gaps: gaps.length,
    recovered,
    duplicates,
    opens: opens >= 2,
    status: client.connection.status,
  }
}

/** What `runScenario` returns when all is well. */
export const EXPECTED = {
  got: [1, 2, 3],
  gaps: 0,
  recovered: true,
  duplicates: 0,
  opens: true,
  status: 'closed',
}

async function publish(url, channel, data) {
  const answer = await fetch(`${url}/api/sse/events`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ channel, data }),
  })
  if (answer.status !== 201) throw new Error(`publish: ${answer.status}`)
}

async function until(probe) {
  for (let i = 0; i < 2_000; i++) {
    if (probe()) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error(`never came: ${probe}`)
}
