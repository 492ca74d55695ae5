/** The notice of an outage. */
import { describe, expect, test, vi } from 'vitest'
import { connectionNotice } from '../src/connectionNotice.js'
import { client, eachTestHasAClient, fake, keep, make, pass } from './support/client.js'

eachTestHasAClient()

describe('notice', () => {
  test('none before the first connection, one per outage after the grace time, and its end', async () => {
    make()
    const told: unknown[] = []
    const end = connectionNotice(client, {
      lost: () => told.push('lost'),
      restored: (ms) => told.push(ms),
    })
    client.subscribe('a', keep)
    await pass()
    fake.last().fail()
    await pass(450)
    await pass(5_000)
    expect(told).toEqual([])
    fake.last().open()
    await pass(2_000)
    vi.mocked(Math.random).mockReturnValue(0.1)
    fake.last().fail()
    await pass(50)
    fake.last().open({ recovered: true })
    await pass(5_000)
    expect(told).toEqual([])
    fake.last().fail()
    await pass(999)
    expect(told).toEqual([])
    await pass(1)
    expect(told).toEqual(['lost'])
    fake.last().fail()
    await pass(6_000)
    fake.last().open({ recovered: true })
    expect(told).toEqual(['lost', 7_000])
    end()
    fake.last().fail()
    await pass(5_000)
    expect(told).toHaveLength(2)
  })
})
