/** The settings in effect, as the server tells them. */

import { queryOptions } from '@tanstack/react-query'
import * as z from 'zod/mini'
import { getJson } from './api.ts'

const setting = z.object({
  key: z.string(),
  kind: z.string(),
  value: z.unknown(),
  default: z.unknown(),
  meaning: z.string(),
  is_secret: z.boolean(),
  is_set: z.boolean(),
  origin: z.object({ kind: z.string(), name: z.optional(z.nullable(z.string())) }),
  variable: z.string(),
})

const settings = z.object({
  config_file: z.optional(z.nullable(z.string())),
  settings: z.array(setting),
})

/** A setting in effect. */
export type Setting = z.infer<typeof setting>

export const settingsQuery = queryOptions({
  queryKey: ['settings'] as const,
  queryFn: ({ signal }) => getJson('/api/v1/settings', (value) => settings.parse(value), signal),
})
