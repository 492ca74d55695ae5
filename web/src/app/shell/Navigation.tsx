/** Ways between the pages: a side bar, a rail of icons on tablets, a bottom bar on phones. */

import { Link } from '@tanstack/react-router'
import { Ellipsis } from 'lucide-react'
import { type ReactNode, useId, useRef } from 'react'
import { t } from '../../lib/i18n.ts'
import { useModules } from '../../lib/modules.ts'
import { type PageEntry, pages } from '../pages.ts'

const LINK =
  'flex items-center gap-3 rounded-control text-sm font-medium text-muted transition-colors ' +
  'hover:bg-inset hover:text-text aria-[current=page]:bg-accent-tint ' +
  'aria-[current=page]:text-accent-strong'

/** A page below another is a page of its own. */
const ONLY_ITSELF = { exact: true, includeSearch: false } as const

function usePages(): readonly PageEntry[] {
  const modules = useModules()
  return pages.filter((page) => page.module === null || modules.has(page.module))
}

export function SideBar(): ReactNode {
  const shown = usePages()
  const groups = [...new Set(shown.map((page) => page.group))]
  return (
    <nav
      aria-label={t('nav.label')}
      className="hidden min-h-0 w-14 flex-col gap-4 overflow-y-auto border-e border-line bg-surface p-2 md:flex lg:w-52 lg:px-2.5 lg:py-3"
    >
      {groups.map((group) => (
        <div key={group ?? ''} className="flex flex-col gap-0.5 last:mt-auto">
          {group ? (
            <p className="hidden px-2.5 pb-1 text-2xs font-semibold tracking-wide text-faint uppercase lg:block">
              {t(group)}
            </p>
          ) : null}
          {shown
            .filter((page) => page.group === group)
            .map((page) => (
              <Link
                key={page.path}
                to={page.path}
                activeOptions={ONLY_ITSELF}
                title={t(page.label)}
                className={`${LINK} h-9 justify-center px-2.5 lg:h-8 lg:justify-start`}
              >
                <page.icon size={17} strokeWidth={1.8} aria-hidden className="shrink-0" />
                <span className="sr-only lg:not-sr-only">{t(page.label)}</span>
              </Link>
            ))}
        </div>
      ))}
    </nav>
  )
}

export function BottomBar(): ReactNode {
  const shown = usePages()
  const inBar = shown.filter((page) => page.isInBar)
  const rest = shown.filter((page) => !page.isInBar)
  return (
    <nav
      aria-label={t('nav.label')}
      className="col-span-2 grid auto-cols-fr grid-flow-col border-t border-line bg-surface pb-[env(safe-area-inset-bottom)] md:hidden"
    >
      {inBar.map((page) => (
        <BarLink key={page.path} page={page} />
      ))}
      {rest.length > 0 ? <More pages={rest} /> : null}
    </nav>
  )
}

const BAR_ITEM =
  'flex h-14 w-full flex-col items-center justify-center gap-1 text-2xs font-medium text-muted ' +
  'aria-[current=page]:text-accent'

function BarLink({ page }: { readonly page: PageEntry }): ReactNode {
  return (
    <Link to={page.path} activeOptions={ONLY_ITSELF} className={BAR_ITEM}>
      <page.icon size={20} strokeWidth={1.8} aria-hidden />
      {t(page.label)}
    </Link>
  )
}

function More({ pages: rest }: { readonly pages: readonly PageEntry[] }): ReactNode {
  const id = useId()
  const sheet = useRef<HTMLDivElement>(null)
  return (
    <>
      <button type="button" className={BAR_ITEM} popoverTarget={id}>
        <Ellipsis size={20} aria-hidden />
        {t('nav.more')}
      </button>
      <div
        ref={sheet}
        id={id}
        popover="auto"
        className="fixed inset-x-3 top-auto bottom-18 m-0 w-auto rounded-card border border-line bg-raised p-2 text-text shadow-pop"
      >
        {rest.map((page) => (
          <Link
            key={page.path}
            to={page.path}
            activeOptions={ONLY_ITSELF}
            onClick={() => sheet.current?.hidePopover()}
            className={`${LINK} h-11 px-3`}
          >
            <page.icon size={18} strokeWidth={1.8} aria-hidden />
            {t(page.label)}
          </Link>
        ))}
      </div>
    </>
  )
}
