/** The route that every page is below. */

import { createRootRoute } from '@tanstack/react-router'
import { NotFound } from './PageError.tsx'
import { Shell } from './shell/Shell.tsx'

export const rootRoute = createRootRoute({ component: Shell, notFoundComponent: NotFound })
