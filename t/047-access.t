
# Copyright (C) The ngx_http_messaging_module authors

# Who may enter a conversation: "messaging_access any" and "claim=name".

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::WebSocket::Tokens;
use Test::Nginx::Socket 'no_plan';

my $config = <<'EOC';
        messaging_jwt_key HS256 $TEST_NGINX_KEYS/hs.key;

        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_access claim=rooms;
        }
        location = /ws/messaging/ {
            messaging on;
            messaging_access claim=rooms;
        }
        location = /ws/notifications/ {
            messaging on;
            messaging_channel user:$messaging_user;
            messaging_access claim=rooms;
        }
        location ~ ^/any/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_access any;
        }
        location = /any/ {
            messaging on;
            messaging_access any;
        }
        location = /status {
            messaging_status on;
        }
EOC

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value('config', $config) unless defined $block->config;
});

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: "any": whoever has a valid token
--- tokens
one: ok /any/7/ {"user_id":1,"exp":"+60"}
name: ok /any/a-b.c_D/ {"user_id":1,"exp":"+60"}
no_room: ok /any/7/ {"user_id":1,"exp":"+60","rooms":[]}
many: ok /any/ {"user_id":1,"exp":"+60"}
no_token: signature /any/7/ {"user_id":1,"exp":"+60"} forge=flip
--- websocket
many:  send {"type":"subscribe","conversation_id":7}
many:  recv {"type":"subscribed","conversation_id":7}
many:  send {"type":"subscribe","conversation_id":"a-b"}
many:  recv {"type":"subscribed","conversation_id":"a-b"}



=== TEST 2: a claim is an array of ids, numbers or strings, or "*"
--- tokens
number: ok {"user_id":1,"exp":"+60","rooms":[7]}
string: ok {"user_id":1,"exp":"+60","rooms":["7"]}
star: ok {"user_id":1,"exp":"+60","rooms":"*"}
last: ok {"user_id":1,"exp":"+60","rooms":[5,6,"8",7]}
mixed: ok {"user_id":1,"exp":"+60","rooms":[null,true,"x",{"7":7},[8],7.5,"7"]}
twice: ok {"user_id":1,"exp":"+60","rooms":[7,"7",7]}
text: ok /ws/messaging/a-b.c_D/ {"user_id":1,"exp":"+60","rooms":["a-b.c_D"]}
star_text: ok /ws/messaging/a-b.c_D/ {"user_id":1,"exp":"+60","rooms":"*"}
zero: ok /ws/messaging/0/ {"user_id":1,"exp":"+60","rooms":[0]}
minus: ok /ws/messaging/-7/ {"user_id":1,"exp":"+60","rooms":[-7]}
large: ok /ws/messaging/9007199254740993/ {"user_id":1,"exp":"+60","rooms":[9007199254740993]}
escaped: ok /ws/messaging/abc/ {"user_id":1,"exp":"+60","rooms":["\u0061bc"]}



=== TEST 3: what is not among them is refused with 4003
--- tokens
good: ok {"user_id":1,"exp":"+60","rooms":[7]}
other: access {"user_id":1,"exp":"+60","rooms":[8]}
others: access {"user_id":1,"exp":"+60","rooms":[70,77,"07","7 "," 7","+7","7.0","7\n"]}
empty: access {"user_id":1,"exp":"+60","rooms":[]}
real: access {"user_id":1,"exp":"+60","rooms":[7.0]}
real_zero: access /ws/messaging/0/ {"user_id":1,"exp":"+60","rooms":[0.5]}
exponent: access {"user_id":1,"exp":"+60","rooms":[7e0]}
true: access {"user_id":1,"exp":"+60","rooms":[true]}
prefix: access /ws/messaging/abc/ {"user_id":1,"exp":"+60","rooms":["ab","abcd",""]}
other_case: access /ws/messaging/abc/ {"user_id":1,"exp":"+60","rooms":["ABC"]}
leading_zero: access /ws/messaging/07/ {"user_id":1,"exp":"+60","rooms":[7,"7"]}
large: access /ws/messaging/9007199254740993/ {"user_id":1,"exp":"+60","rooms":[9007199254740992]}
positive: access /ws/messaging/-7/ {"user_id":1,"exp":"+60","rooms":[7]}



=== TEST 4: so is a claim that is missing, or of another type
--- tokens
missing: access {"user_id":1,"exp":"+60"}
other_name: access {"user_id":1,"exp":"+60","Rooms":[7],"room":[7]}
null: access {"user_id":1,"exp":"+60","rooms":null}
true: access {"user_id":1,"exp":"+60","rooms":true}
number: access {"user_id":1,"exp":"+60","rooms":7}
string: access {"user_id":1,"exp":"+60","rooms":"7"}
list_in_string: access {"user_id":1,"exp":"+60","rooms":"[7]"}
object: access {"user_id":1,"exp":"+60","rooms":{"7":7}}
empty_string: access {"user_id":1,"exp":"+60","rooms":""}
two_stars: access {"user_id":1,"exp":"+60","rooms":"**"}
star_and_more: access {"user_id":1,"exp":"+60","rooms":"*7"}



=== TEST 5: nothing nested counts, and "*" is no member of the array
--- tokens
array: access {"user_id":1,"exp":"+60","rooms":[[7]]}
object: access {"user_id":1,"exp":"+60","rooms":[{"id":7}]}
star_in_array: access {"user_id":1,"exp":"+60","rooms":["*"]}
claim_in_claim: access {"user_id":1,"exp":"+60","x":{"rooms":[7]}}



=== TEST 6: the name of the claim is a name, not a path
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 $TEST_NGINX_KEYS/hs.key;
            messaging_access claim=https://id.example/x.rooms;
        }
        location = /status {
            messaging_status on;
        }
--- tokens
literal: ok {"user_id":1,"exp":"+60","https://id.example/x.rooms":[7]}
nested: access {"user_id":1,"exp":"+60","https://id.example/x":{"rooms":[7]}}



=== TEST 7: a bad token is told before a closed conversation
--- tokens
bad: signature {"user_id":1,"exp":"+60","rooms":[8]} forge=flip
expired: expired {"user_id":1,"exp":"-1","rooms":[8]}



=== TEST 8: who may not enter is never on the channel
--- jwt
ann: {"user_id":1,"exp":"+60","rooms":[7]}
eve: {"user_id":2,"exp":"+60","rooms":[8]}
--- websocket
ann:     connect /ws/messaging/7/?token=$jwt_ann
eve:     auto_close off
eve:     connect_apart ann /ws/messaging/7/?token=$jwt_eve
backend: expect_subscribers 7 1
backend: publish 7 {"n":1}
ann:     recv {"n":1}
eve:     expect_close 4003 no access
eve:     send {"type":"message","content":"x"}
eve:     send {"type":"typing"}
backend: publish 7 {"n":2}
ann:     recv {"n":2}
ann:     recv_none 50ms
nginx:   status refusals.access 1
nginx:   status messages.in 0



=== TEST 9: with many conversations each is asked for
--- jwt
ann: {"user_id":1,"exp":"+60","rooms":[7,"8","a"]}
bob: {"user_id":2,"exp":"+60","rooms":"*"}
eve: {"user_id":3,"exp":"+60"}
--- websocket
ann:     connect /ws/messaging/?token=$jwt_ann
ann:     send {"type":"subscribe","conversation_id":7}
ann:     recv {"type":"subscribed","conversation_id":7}
ann:     send {"type":"subscribe","conversation_id":"8"}
ann:     recv {"type":"subscribed","conversation_id":8}
ann:     send {"type":"subscribe","conversation_id":"a"}
ann:     recv {"type":"subscribed","conversation_id":"a"}
ann:     send {"type":"subscribe","conversation_id":9}
ann:     recv {"type":"error","conversation_id":9,"code":"access_denied","message":"<string>"}
ann:     send {"type":"subscribe","conversation_id":"07"}
ann:     recv {"type":"error","conversation_id":"07","code":"access_denied","message":"<string>"}
bob:     connect /ws/messaging/?token=$jwt_bob
bob:     send {"type":"subscribe","conversation_id":9}
bob:     recv {"type":"subscribed","conversation_id":9}
# a token without the claim is let in, and gets nothing
eve:     connect /ws/messaging/?token=$jwt_eve
eve:     send {"type":"subscribe","conversation_id":7}
eve:     recv {"type":"error","conversation_id":7,"code":"access_denied","message":"<string>"}
backend: expect_subscribers 7 1 8 1 a 1 9 1
nginx:   status subscriptions 4
nginx:   status accepted 3
backend: publish 9 {"n":1}
bob:     recv {"conversation_id":9,"n":1}
backend: publish 7 {"n":2}
ann:     recv {"conversation_id":7,"n":2}
ann,eve: recv_none 50ms



=== TEST 10: nor can anything be sent to a conversation that is not subscribed
--- jwt
ann: {"user_id":1,"exp":"+60","rooms":[7]}
bob: {"user_id":2,"exp":"+60","rooms":"*"}
--- websocket
bob:     connect /ws/messaging/9/?token=$jwt_bob
ann:     connect_apart bob /ws/messaging/?token=$jwt_ann
backend: subscribe 9
ann:     send {"type":"message","conversation_id":9,"content":"x"}
ann:     recv {"type":"error","conversation_id":9,"code":"access_denied","message":"<string>"}
ann:     send {"type":"typing","conversation_id":9}
ann:     recv {"type":"error","conversation_id":9,"code":"access_denied","message":"<string>"}
ann:     send {"type":"read","conversation_id":9}
ann:     recv {"type":"error","conversation_id":9,"code":"access_denied","message":"<string>"}
# what is granted has to be subscribed first, too
ann:     send {"type":"typing","conversation_id":7}
ann:     recv {"type":"error","conversation_id":7,"code":"access_denied","message":"<string>"}
backend: recv_none 50ms
bob:     recv_none 10ms



=== TEST 11: the claim names channels of "messaging_channel" as well
--- tokens
named: ok /ws/notifications/ {"user_id":5,"exp":"+60","rooms":["user:5"]}
star: ok /ws/notifications/ {"user_id":5,"exp":"+60","rooms":"*"}
other: access /ws/notifications/ {"user_id":5,"exp":"+60","rooms":["user:6"]}
number: access /ws/notifications/ {"user_id":5,"exp":"+60","rooms":[5]}
missing: access /ws/notifications/ {"user_id":5,"exp":"+60"}



=== TEST 12: it is inherited and can be changed below
--- http_config
    messaging_access claim=rooms;
--- config
        messaging_jwt_key HS256 $TEST_NGINX_KEYS/hs.key;

        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
        }
        location ~ ^/any/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_access any;
        }
        location ~ ^/groups/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_access claim=groups;
        }
        location = /status {
            messaging_status on;
        }
--- tokens
inherited: ok {"user_id":1,"exp":"+60","rooms":[7]}
not_granted: access {"user_id":1,"exp":"+60","groups":[7]}
any: ok /any/7/ {"user_id":1,"exp":"+60"}
groups: ok /groups/7/ {"user_id":1,"exp":"+60","groups":[7]}
rooms: access /groups/7/ {"user_id":1,"exp":"+60","rooms":[7]}



=== TEST 13: "messaging_reject http" refuses with 403
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 $TEST_NGINX_KEYS/hs.key;
            messaging_access claim=rooms;
            messaging_reject http;
        }
        location = /status {
            messaging_status on;
        }
--- jwt
ann: {"user_id":1,"exp":"+60","rooms":[7]}
eve: {"user_id":2,"exp":"+60","rooms":[8]}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
eve:   refused 403 /ws/messaging/7/?token=$jwt_eve
nginx: status refusals.access 1
nginx: status connections 1



=== TEST 14: a claim of 900 conversations
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_jwt_from header;
            messaging_access claim=rooms;
        }
--- jwt
ann: {"user_id":1,"exp":"+60","rooms":[1000,1001,1002,1003,1004,1005,1006,1007,1008,1009,1010,1011,1012,1013,1014,1015,1016,1017,1018,1019,1020,1021,1022,1023,1024,1025,1026,1027,1028,1029,1030,1031,1032,1033,1034,1035,1036,1037,1038,1039,1040,1041,1042,1043,1044,1045,1046,1047,1048,1049,1050,1051,1052,1053,1054,1055,1056,1057,1058,1059,1060,1061,1062,1063,1064,1065,1066,1067,1068,1069,1070,1071,1072,1073,1074,1075,1076,1077,1078,1079,1080,1081,1082,1083,1084,1085,1086,1087,1088,1089,1090,1091,1092,1093,1094,1095,1096,1097,1098,1099,1100,1101,1102,1103,1104,1105,1106,1107,1108,1109,1110,1111,1112,1113,1114,1115,1116,1117,1118,1119,1120,1121,1122,1123,1124,1125,1126,1127,1128,1129,1130,1131,1132,1133,1134,1135,1136,1137,1138,1139,1140,1141,1142,1143,1144,1145,1146,1147,1148,1149,1150,1151,1152,1153,1154,1155,1156,1157,1158,1159,1160,1161,1162,1163,1164,1165,1166,1167,1168,1169,1170,1171,1172,1173,1174,1175,1176,1177,1178,1179,1180,1181,1182,1183,1184,1185,1186,1187,1188,1189,1190,1191,1192,1193,1194,1195,1196,1197,1198,1199,1200,1201,1202,1203,1204,1205,1206,1207,1208,1209,1210,1211,1212,1213,1214,1215,1216,1217,1218,1219,1220,1221,1222,1223,1224,1225,1226,1227,1228,1229,1230,1231,1232,1233,1234,1235,1236,1237,1238,1239,1240,1241,1242,1243,1244,1245,1246,1247,1248,1249,1250,1251,1252,1253,1254,1255,1256,1257,1258,1259,1260,1261,1262,1263,1264,1265,1266,1267,1268,1269,1270,1271,1272,1273,1274,1275,1276,1277,1278,1279,1280,1281,1282,1283,1284,1285,1286,1287,1288,1289,1290,1291,1292,1293,1294,1295,1296,1297,1298,1299,1300,1301,1302,1303,1304,1305,1306,1307,1308,1309,1310,1311,1312,1313,1314,1315,1316,1317,1318,1319,1320,1321,1322,1323,1324,1325,1326,1327,1328,1329,1330,1331,1332,1333,1334,1335,1336,1337,1338,1339,1340,1341,1342,1343,1344,1345,1346,1347,1348,1349,1350,1351,1352,1353,1354,1355,1356,1357,1358,1359,1360,1361,1362,1363,1364,1365,1366,1367,1368,1369,1370,1371,1372,1373,1374,1375,1376,1377,1378,1379,1380,1381,1382,1383,1384,1385,1386,1387,1388,1389,1390,1391,1392,1393,1394,1395,1396,1397,1398,1399,1400,1401,1402,1403,1404,1405,1406,1407,1408,1409,1410,1411,1412,1413,1414,1415,1416,1417,1418,1419,1420,1421,1422,1423,1424,1425,1426,1427,1428,1429,1430,1431,1432,1433,1434,1435,1436,1437,1438,1439,1440,1441,1442,1443,1444,1445,1446,1447,1448,1449,1450,1451,1452,1453,1454,1455,1456,1457,1458,1459,1460,1461,1462,1463,1464,1465,1466,1467,1468,1469,1470,1471,1472,1473,1474,1475,1476,1477,1478,1479,1480,1481,1482,1483,1484,1485,1486,1487,1488,1489,1490,1491,1492,1493,1494,1495,1496,1497,1498,1499,1500,1501,1502,1503,1504,1505,1506,1507,1508,1509,1510,1511,1512,1513,1514,1515,1516,1517,1518,1519,1520,1521,1522,1523,1524,1525,1526,1527,1528,1529,1530,1531,1532,1533,1534,1535,1536,1537,1538,1539,1540,1541,1542,1543,1544,1545,1546,1547,1548,1549,1550,1551,1552,1553,1554,1555,1556,1557,1558,1559,1560,1561,1562,1563,1564,1565,1566,1567,1568,1569,1570,1571,1572,1573,1574,1575,1576,1577,1578,1579,1580,1581,1582,1583,1584,1585,1586,1587,1588,1589,1590,1591,1592,1593,1594,1595,1596,1597,1598,1599,1600,1601,1602,1603,1604,1605,1606,1607,1608,1609,1610,1611,1612,1613,1614,1615,1616,1617,1618,1619,1620,1621,1622,1623,1624,1625,1626,1627,1628,1629,1630,1631,1632,1633,1634,1635,1636,1637,1638,1639,1640,1641,1642,1643,1644,1645,1646,1647,1648,1649,1650,1651,1652,1653,1654,1655,1656,1657,1658,1659,1660,1661,1662,1663,1664,1665,1666,1667,1668,1669,1670,1671,1672,1673,1674,1675,1676,1677,1678,1679,1680,1681,1682,1683,1684,1685,1686,1687,1688,1689,1690,1691,1692,1693,1694,1695,1696,1697,1698,1699,1700,1701,1702,1703,1704,1705,1706,1707,1708,1709,1710,1711,1712,1713,1714,1715,1716,1717,1718,1719,1720,1721,1722,1723,1724,1725,1726,1727,1728,1729,1730,1731,1732,1733,1734,1735,1736,1737,1738,1739,1740,1741,1742,1743,1744,1745,1746,1747,1748,1749,1750,1751,1752,1753,1754,1755,1756,1757,1758,1759,1760,1761,1762,1763,1764,1765,1766,1767,1768,1769,1770,1771,1772,1773,1774,1775,1776,1777,1778,1779,1780,1781,1782,1783,1784,1785,1786,1787,1788,1789,1790,1791,1792,1793,1794,1795,1796,1797,1798,1799,1800,1801,1802,1803,1804,1805,1806,1807,1808,1809,1810,1811,1812,1813,1814,1815,1816,1817,1818,1819,1820,1821,1822,1823,1824,1825,1826,1827,1828,1829,1830,1831,1832,1833,1834,1835,1836,1837,1838,1839,1840,1841,1842,1843,1844,1845,1846,1847,1848,1849,1850,1851,1852,1853,1854,1855,1856,1857,1858,1859,1860,1861,1862,1863,1864,1865,1866,1867,1868,1869,1870,1871,1872,1873,1874,1875,1876,1877,1878,1879,1880,1881,1882,1883,1884,1885,1886,1887,1888,1889,1890,1891,1892,1893,1894,1895,1896,1897,1898,1899]}
--- websocket
a:     header Authorization: Bearer $jwt_ann
a:     connect /ws/messaging/1899/
a:     send {"type":"ping"}
a:     recv {"type":"pong"}
b:     header Authorization: Bearer $jwt_ann
b:     connect /ws/messaging/1900/
b:     expect_close 4003
