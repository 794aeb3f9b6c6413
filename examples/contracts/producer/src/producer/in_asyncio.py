"""Call many tasks side by side and hold nothing up: `python -m producer.in_asyncio`."""

import asyncio

from celery_tasks import quote

from producer.orders import order


async def main() -> None:
    async with asyncio.timeout(30):
        results = [await quote.adelay(order(number)) for number in range(1, 101)]
        prices = await asyncio.gather(*results)
    print(f"{len(prices)} prices, from {min(prices)} to {max(prices)}")


if __name__ == "__main__":
    asyncio.run(main())
