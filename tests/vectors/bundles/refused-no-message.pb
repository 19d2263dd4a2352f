
ÿÿÿÿ@ad95131bc0b799c0b1af477fb14fcf26a6a9f76079e48bf090acb7e8367bfd0e"28e49d3f27005c68*@€I9’’Rø—¬b²¥Y»b£<ë]•PK¼?Y’²+òšæpûüvà¨³nòB wÓjb9kXmEïúvœj	