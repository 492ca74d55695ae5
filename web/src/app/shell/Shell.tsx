/** The frame around every page: top bar, side bar or bottom bar, banner, notice, and the page. */

import { Outlet, useNavigate } from '@tanstack/react-router'
import { lazy, type ReactNode, Suspense, useState } from 'react'
import { t } from '../../lib/i18n.ts'
import { useKey } from '../../lib/keys.ts'
import { useModules } from '../../lib/modules.ts'
import { pages } from '../pages.ts'
import { Banner } from './Banner.tsx'
import { BottomBar, SideBar } from './Navigation.tsx'
import { Notice } from './Notice.tsx'
import { TopBar } from './TopBar.tsx'
import { VersionBar } from './VersionBar.tsx'

const Palette = lazy(() => import('./Palette.tsx').then((module) => ({ default: module.Palette })))
const KeySheet = lazy(() =>
  import('./KeySheet.tsx').then((module) => ({ default: module.KeySheet })),
)

/** What lies over the page. */
export type Overlay = 'palette' | 'keys' | null

export function Shell(): ReactNode {
  const [overlay, setOverlay] = useState<Overlay>(null)
  useKey('mod+k', () => setOverlay('palette'))
  useKey('?', () => setOverlay('keys'))
  return (
    <div className="grid h-full grid-cols-[auto_minmax(0,1fr)] grid-rows-[auto_auto_minmax(0,1fr)_auto]">
      <button
        type="button"
        onClick={focusMain}
        className="fixed start-2 -top-20 z-50 rounded-control bg-accent px-3 py-2 text-sm font-medium text-on-accent focus:top-2"
      >
        {t('app.skip')}
      </button>
      <TopBar onSearch={() => setOverlay('palette')} />
      <div className="col-span-2">
        <VersionBar />
        <Banner />
      </div>
      <SideBar />
      <main id="main" tabIndex={-1} className="min-h-0 min-w-0 overflow-y-auto outline-none">
        <Outlet />
      </main>
      <BottomBar />
      <Notice />
      <PageKeys />
      <Suspense>
        {overlay === 'palette' ? (
          <Palette onClose={() => setOverlay(null)} onKeys={() => setOverlay('keys')} />
        ) : null}
        {overlay === 'keys' ? <KeySheet onClose={() => setOverlay(null)} /> : null}
      </Suspense>
    </div>
  )
}

/** With a `<base>` a link to `#main` would leave the page, so the focus is moved by hand. */
function focusMain(): void {
  document.getElementById('main')?.focus()
}

/** Answers `g` and a letter for each page that is there. */
function PageKeys(): ReactNode {
  const modules = useModules()
  return pages
    .filter((page) => page.key !== null && (page.module === null || modules.has(page.module)))
    .map((page) => <PageKey key={page.path} letter={page.key ?? ''} path={page.path} />)
}

function PageKey({ letter, path }: { readonly letter: string; readonly path: string }): ReactNode {
  const navigate = useNavigate()
  useKey(`g ${letter}`, () => void navigate({ to: path }))
  return null
}
